"""The validation loss after the step that DARTS's second order looks ahead by.

A search for a recurrent cell on the Penn Treebank, small. Before each step of the weights it looks
ahead by that step as it is, clipped, and by the same step without clipping, which is what an
unrolled step of constant size takes. Both start from the same weights.

    OMP_NUM_THREADS=1 python benchmarks/second_order.py
"""

import argparse
from functools import partial

import torch

from nasp.rnn.data import batches, columns, find_text, load_corpus
from nasp.rnn.dropout import Masks, draw_masks
from nasp.rnn.options import SearchOptions
from nasp.rnn.space import RNNSpace
from nasp.search.one_shot import _loss
from nasp.strategies import StrategyOptions
from nasp.strategies.darts import SecondOrderDARTS
from nasp.training.optimization import WeightStep, descend


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=36)
    parser.add_argument("--every", type=int, default=6)
    given = parser.parse_args()
    options = SearchOptions(emsize=given.units, nhid=given.units, batch_size=given.batch)
    corpus = load_corpus(find_text("ptb", None))
    generator = torch.Generator().manual_seed(1)
    words = len(corpus.vocabulary)
    space = RNNSpace(words, given.units, generator, beta=options.beta, none=True)
    optimizer = options.sgd(space.weights())
    steps = {
        "clipped": WeightStep(optimizer, options.gradient_clip),
        "unclipped": WeightStep(optimizer),
    }
    strategies = {
        name: SecondOrderDARTS(
            space,
            torch.Generator().manual_seed(1),
            StrategyOptions(
                learning_rate=options.architecture_learning_rate,
                weight_decay=options.architecture_weight_decay,
                weight_step=step,
                hessian="finite",
            ),
        )
        for name, step in steps.items()
    }
    ours = strategies["clipped"]

    def draw(batch: int) -> Masks:
        return draw_masks(
            options.rates(), words, given.units, batch, generator, torch.device("cpu")
        )

    pairs = zip(
        batches(columns(corpus.train, given.batch), given.units, lambda: options.bptt, draw, True),
        batches(columns(corpus.valid, given.batch), given.units, lambda: options.bptt, draw),
        strict=False,
    )
    print("| step | validation loss | after the clipped step | after the unclipped step |")
    print("|---|---|---|---|")
    for step, (train, valid) in zip(range(given.steps), pairs, strict=False):
        losses = partial(_loss, space, train), partial(_loss, space, valid)
        if step % given.every == 0:
            before = float(losses[1](ours.weight_relaxation()).detach())
            looked = (s._by_difference(*losses)[0] for s in strategies.values())
            after = [float(loss.detach()) for loss in looked]
            print(f"| {step} | {before:.2f} | {after[0]:.2f} | {after[1]:.2f} |", flush=True)
        ours.architecture_step(*losses)
        loss = space(train, ours.weight_relaxation())
        descend(loss, space.weights(), optimizer, options.gradient_clip)


if __name__ == "__main__":
    main()
