"""Time of a search iteration of recurrent cells and of the stand-alone cell, against rivals.

An iteration is an architecture step and a weight step. All methods use the same modules, batches
and threads, and alternate in one process. The softmax over the vocabulary costs all of them the
same, so the cell's share is measured separately, with a vocabulary of two words. "As published"
also computes gradients of the weights in the architecture step and discards them, like the authors'
code of DARTS.

The stand-alone cell is compared with only its matrix products, on the same tensors, and with
torch's LSTM with the same number of weights.

    OMP_NUM_THREADS=1 python benchmarks/rnn_step.py
"""

import argparse
from collections.abc import Callable, Mapping
from functools import partial

import torch
from search_steps import FullNASP, PublishedDARTS, Steps
from timing import medians, seconds
from torch import Tensor, nn

from nasp.rnn.cell import RecurrentCell
from nasp.rnn.data import Corpus, Vocabulary
from nasp.rnn.genotype import plan_of
from nasp.rnn.options import SearchOptions
from nasp.rnn.tasks import TextTask
from nasp.rnn.zoo import ZOO
from nasp.strategies import Strategy

OURS = "NASP, one path (ours)"
METHODS: Mapping[str, tuple[str, type[Strategy] | None]] = {
    OURS: ("nasp", None),
    "NASP, all under autograd": ("nasp", FullNASP),
    "DARTS first order (ours)": ("darts", None),
    "DARTS first order, as published": ("darts", PublishedDARTS),
    "DARTS second order (finite difference)": ("darts2", None),
}
"""The strategy whose options are used, and the class that replaces the strategy, if any."""


def begin(method: str, words: int, given: argparse.Namespace) -> Callable[[], tuple[float, ...]]:
    """Return an iteration of a search on one batch of each of two random texts."""
    random = torch.Generator().manual_seed(1)
    length = given.batch * (given.bptt + 1)
    texts = [torch.randint(words, (length,), generator=random) for _ in range(3)]
    corpus = Corpus(Vocabulary(tuple(map(str, range(words)))), *texts, sha256="")
    strategy, rival = METHODS[method]
    options = SearchOptions(
        strategy=strategy,
        emsize=given.units,
        nhid=given.units,
        batch_size=given.batch,
        bptt=given.bptt,
    )
    task = TextTask(corpus, options, torch.device("cpu"))
    (batches,) = task.batch_pairs(random)
    return partial(Steps(task, rival).iteration, *batches)


def searches(given: argparse.Namespace) -> None:
    print(
        "| method | architecture, s | weights, s | iteration, s | times ours | cell | times ours |"
    )
    print("|---|---|---|---|---|---|---|")
    whole_step, cell_alone = (
        medians({name: begin(name, words, given) for name in METHODS}, given.rounds)
        for words in (given.words, 2)
    )
    for name, (architecture, weights, whole) in whole_step.items():
        cell = cell_alone[name][2]
        print(
            f"| {name} | {architecture:.3f} | {weights:.3f} | {whole:.3f} "
            f"| {whole / whole_step[OURS][2]:.2f} | {cell:.3f} "
            f"| {cell / cell_alone[OURS][2]:.2f} |",
            flush=True,
        )


@torch.no_grad()
def products_alone(cell: RecurrentCell, inputs: Tensor, state: Tensor, training: bool) -> Tensor:
    """Compute all matrix products of the cell; in training also those of its gradients."""
    weights = [cell.state_map, *cell.maps]
    total = inputs @ cell.input_map
    for _ in range(len(inputs)):
        outputs = [state @ weight for weight in weights]
    if training:
        for _ in range(len(inputs)):
            for output, weight in zip(outputs, weights, strict=True):
                output @ weight.T
        rows = len(inputs) * len(state)
        for output in outputs:
            state.repeat(len(inputs), 1).T @ output.repeat(len(inputs), 1)
        inputs.view(rows, -1).T @ total.view(rows, -1)
        total @ cell.input_map.T
    return total


def stand_alone(given: argparse.Namespace) -> None:
    print("\n| cell | mode | ms a step | products alone | ratio | tokens/s | LSTM's tokens/s |")
    print("|---|---|---|---|---|---|---|")
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(given.bptt, given.batch, given.units, generator=generator)
    inputs.requires_grad_()
    state = torch.zeros(given.batch, given.units)
    for name in ("darts_v1", "darts_v2"):
        cell = RecurrentCell(plan_of(ZOO[name]), given.units, generator)
        count = sum(p.numel() for p in cell.parameters())
        # With 4 maps of input and state, and two biases, for each unit: the same number of weights.
        hidden = round((-(given.units + 2) + ((given.units + 2) ** 2 + count) ** 0.5) / 2)
        lstm = nn.LSTM(given.units, hidden)
        forward: Callable[[Tensor, Tensor], Tensor] = cell
        if given.compile:
            cell.compile_step()
        methods: dict[str, Callable[[], Tensor]] = {
            "cell": lambda forward=forward: forward(inputs, state),
            "lstm": lambda lstm=lstm: lstm(inputs)[0],
        }
        for mode in ("forward", "training"):
            training = mode == "training"
            methods["products"] = partial(products_alone, cell, inputs, state, training)
            times = medians(
                {key: partial(run_once, call, training) for key, call in methods.items()},
                given.rounds,
                warm=2,
            )
            (ours,), (other,), (products,) = (times[key] for key in ("cell", "lstm", "products"))
            tokens = given.bptt * given.batch
            print(
                f"| {name} | {mode} | {1e3 * ours / given.bptt:.2f} "
                f"| {1e3 * products / given.bptt:.2f} | {ours / products:.2f} "
                f"| {tokens / ours:.0f} | {tokens / other:.0f} |",
                flush=True,
            )


def run_once(call: Callable[[], Tensor], training: bool) -> tuple[float]:
    """Return the seconds of a forward pass and, in training, of the backward pass."""

    def work() -> None:
        with torch.set_grad_enabled(training):
            output = call()
        if output.requires_grad:
            output.sum().backward()

    return (seconds(work),)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--bptt", type=int, default=35)
    parser.add_argument("--units", type=int, default=300)
    parser.add_argument("--words", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="compile the stand-alone cell")
    given = parser.parse_args()
    print(
        f"batch {given.batch}, bptt {given.bptt}, {given.units} units, {given.words} words, "
        f"float32, {torch.get_num_threads()} threads; median of {given.rounds} rounds\n"
    )
    searches(given)
    stand_alone(given)


if __name__ == "__main__":
    main()
