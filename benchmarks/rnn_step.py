"""One search iteration of recurrent cells, ours and the rivals'; and the stand-alone cell's speed.

All run on the same modules, batches and threads, alternating in one process. An iteration is an
architecture step and a weight step. The softmax over the vocabulary costs all of them the same, so
the cell's part is measured apart, with a vocabulary of two words. "As published" takes the weights'
gradients in the architecture step, too, and throws them away, as the authors' code of DARTS does.

The stand-alone cell is compared with its matrix products alone, on the same tensors, and with
torch's LSTM of as many weights.

    OMP_NUM_THREADS=1 python benchmarks/rnn_step.py
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from nasp.core.projection import prox_c2
from nasp.core.relaxation import Relaxation
from nasp.rnn.cell import Cell
from nasp.rnn.data import Batch
from nasp.rnn.data.streams import Reader
from nasp.rnn.dropout import draw_masks
from nasp.rnn.genotype import plan_of
from nasp.rnn.options import SearchOptions
from nasp.rnn.space import RNNSpace
from nasp.rnn.zoo import ZOO
from nasp.search.one_shot import _loss
from nasp.strategies import Strategy, StrategyOptions
from nasp.strategies.base import Loss
from nasp.strategies.darts import DARTS, SecondOrderDARTS
from nasp.strategies.nasp import NASP
from nasp.training.optimization import WeightStep, descend, frozen


class FullNASP(NASP):
    """All candidates under autograd, those that do not run at weight 0; gradients of A alone."""

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        with frozen(self.weights):
            point = Relaxation.dense(self.projection()).probed()
            loss = valid_loss(point)
            self._descend(torch.autograd.grad(loss, list(point.weights.values())))
        with torch.no_grad():
            for a in self.architecture.values().values():
                a.copy_(prox_c2(a))
        self._project()
        return loss.detach()


class PublishedDARTS(DARTS):
    """First order, with gradients of the weights."""

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        loss = valid_loss(self._relaxation())
        gradients = torch.autograd.grad(loss, [*self.parameters, *self.weights], allow_unused=True)
        self._descend(gradients[: len(self.parameters)])
        return loss.detach()


OURS = "NASP, one path (ours)"
KINDS = {
    OURS: NASP,
    "NASP, all under autograd": FullNASP,
    "DARTS first order (ours)": DARTS,
    "DARTS first order, as published": PublishedDARTS,
    "DARTS second order (finite difference)": SecondOrderDARTS,
}
DEFAULTS = SearchOptions()


class Task:
    """A search that has begun."""

    def __init__(self, name: str, words: int, given: argparse.Namespace) -> None:
        generator = torch.Generator().manual_seed(1)
        none = KINDS[name].dense
        self.space = RNNSpace(words, given.units, generator, beta=DEFAULTS.beta, none=none)
        self.optimizer = DEFAULTS.sgd(self.space.weights())
        options = StrategyOptions(
            learning_rate=DEFAULTS.architecture_learning_rate,
            weight_decay=DEFAULTS.architecture_weight_decay,
            weight_step=WeightStep(self.optimizer, DEFAULTS.gradient_clip),
            hessian="finite",
        )
        self.strategy: Strategy = KINDS[name](self.space, generator, options)
        self.train, self.valid = (
            Batch(
                *torch.randint(words, (2, given.bptt, given.batch), generator=generator),
                state := torch.zeros(given.batch, given.units),
                Reader(state),
                draw_masks(DEFAULTS.rates(), words, given.units, given.batch, generator),
                regularised,
            )
            for regularised in (True, False)
        )

    def iteration(self) -> tuple[float, float]:
        """Seconds of the architecture step and of the weight step."""
        start = time.perf_counter()
        losses = (partial(_loss, self.space, batch) for batch in (self.train, self.valid))
        self.strategy.architecture_step(*losses)
        middle = time.perf_counter()
        loss = self.space(self.train, self.strategy.weight_relaxation())
        descend(loss, self.space.weights(), self.optimizer, DEFAULTS.gradient_clip)
        return middle - start, time.perf_counter() - middle


def searches(given: argparse.Namespace) -> None:
    print(
        "| method | architecture, s | weights, s | iteration, s | times ours | cell | times ours |"
    )
    print("|---|---|---|---|---|---|---|")
    medians: dict[str, list[list[float]]] = {name: [] for name in KINDS}
    for words in (given.words, 2):
        tasks = {name: Task(name, words, given) for name in KINDS}
        times: dict[str, list[tuple[float, ...]]] = {name: [] for name in KINDS}
        for turn in range(given.rounds + 1):
            for name, task in tasks.items():
                parts = task.iteration()
                if turn:  # the first is for warming up
                    times[name].append((*parts, sum(parts)))
        for name in KINDS:
            medians[name].append([statistics.median(t) for t in zip(*times[name], strict=True)])
    for name, ((architecture, weights, whole), (_, _, cell)) in medians.items():
        print(
            f"| {name} | {architecture:.3f} | {weights:.3f} | {whole:.3f} "
            f"| {whole / medians[OURS][0][2]:.2f} | {cell:.3f} "
            f"| {cell / medians[OURS][1][2]:.2f} |",
            flush=True,
        )


@torch.no_grad()
def products_alone(cell: Cell, inputs: Tensor, state: Tensor, training: bool) -> Tensor:
    """All matrix products of the cell, of the same shapes; in training those of the gradients."""
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
        cell = Cell(plan_of(ZOO[name]), given.units, generator)
        count = sum(p.numel() for p in cell.parameters())
        # 4 maps of input and of state, and two biases, in each unit: the same number of weights.
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
            methods["products"] = partial(products_alone, cell, inputs, state, mode == "training")
            times: dict[str, list[float]] = {method: [] for method in methods}
            for turn in range(given.rounds + 2):
                for method, call in methods.items():
                    start = time.perf_counter()
                    with torch.set_grad_enabled(mode == "training"):
                        output = call()
                    if output.requires_grad:
                        output.sum().backward()
                    if turn > 1:
                        times[method].append(time.perf_counter() - start)
            ours, other, products = (
                statistics.median(times[method]) for method in ("cell", "lstm", "products")
            )
            tokens = given.bptt * given.batch
            print(
                f"| {name} | {mode} | {1e3 * ours / given.bptt:.2f} "
                f"| {1e3 * products / given.bptt:.2f} | {ours / products:.2f} "
                f"| {tokens / ours:.0f} | {tokens / other:.0f} |",
                flush=True,
            )


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
