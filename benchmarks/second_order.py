"""Validation loss after the look-ahead step of second-order DARTS.

A small search for a recurrent cell on Penn Treebank. Before each step of the weights, it looks
ahead by this step, which is clipped, and by the same step without clipping, which an unrolled step
of constant size would take. Both start from the same weights.

    OMP_NUM_THREADS=1 python benchmarks/second_order.py
"""

import argparse

import torch
from search_steps import Steps

from nasp.rnn.data import find_text, load_corpus
from nasp.rnn.options import SearchOptions
from nasp.rnn.tasks import TextTask
from nasp.strategies.darts import SecondOrderDARTS
from nasp.training.optimization import WeightStep


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=36)
    parser.add_argument("--every", type=int, default=6)
    given = parser.parse_args()
    options = SearchOptions(
        strategy="darts2", emsize=given.units, nhid=given.units, batch_size=given.batch
    )
    task = TextTask(load_corpus(find_text("ptb", None)), options, torch.device("cpu"))
    steps = Steps(task)
    clipped = steps.strategy
    assert isinstance(clipped, SecondOrderDARTS)
    unclipped = SecondOrderDARTS(
        steps.space,
        torch.Generator().manual_seed(1),
        clipped.options,
        WeightStep(steps.optimizer),
    )
    print("| step | validation loss | after the clipped step | after the unclipped step |")
    print("|---|---|---|---|")
    for step, (train, valid) in zip(
        range(given.steps), task.batch_pairs(steps.generator), strict=False
    ):
        losses = steps.loss(train), steps.loss(valid)
        if step % given.every == 0:
            before = float(losses[1](clipped.weight_relaxation()).detach())
            looked = (s._by_difference(*losses)[0] for s in (clipped, unclipped))
            after = [float(loss.detach()) for loss in looked]
            print(f"| {step} | {before:.2f} | {after[0]:.2f} | {after[1]:.2f} |", flush=True)
        steps.iteration(train, valid)


if __name__ == "__main__":
    main()
