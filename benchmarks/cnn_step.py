"""One search iteration of CNN cells: an architecture step and a weight step, ours and the rivals'.

All run on the same modules, batches and threads, alternating in one process; the peak memory of the
architecture step is that of a process of its own, above what it held before. "As published" takes
the weights' gradients in the architecture step, too, and throws them away, as the authors' code of
NASP and of DARTS does.

    OMP_NUM_THREADS=1 python benchmarks/cnn_step.py
"""

import argparse
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from nasp.cnn.options import SearchOptions
from nasp.cnn.space import CNNSpace
from nasp.core.projection import prox_c2
from nasp.core.relaxation import Relaxation
from nasp.search.one_shot import _loss
from nasp.strategies import Strategy, StrategyOptions
from nasp.strategies.base import Loss
from nasp.strategies.darts import DARTS, SecondOrderDARTS
from nasp.strategies.nasp import NASP
from nasp.training.optimization import WeightStep, descend, frozen
from nasp.training.precision import Precision


class FullNASP(NASP):
    """All candidates under autograd, those that do not run at weight 0; gradients of A alone."""

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        with frozen(self.weights):
            return self.step(valid_loss, [])

    def step(self, valid_loss: Loss, beside: list[torch.nn.Parameter]) -> Tensor:
        point = Relaxation.dense(self.projection()).probed()
        inputs = list(point.weights.values())
        loss = valid_loss(point)
        gradients = torch.autograd.grad(loss, [*inputs, *beside], allow_unused=True)
        self._descend(gradients[: len(inputs)])
        with torch.no_grad():
            for a in self.architecture.values().values():
                a.copy_(prox_c2(a))
        self._project()
        return loss.detach()


class PublishedNASP(FullNASP):
    """The same, with gradients of the weights."""

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        return self.step(valid_loss, self.weights)


class PublishedDARTS(DARTS):
    """First order, with gradients of the weights."""

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        loss = valid_loss(self._relaxation())
        gradients = torch.autograd.grad(loss, [*self.parameters, *self.weights], allow_unused=True)
        self._descend(gradients[: len(self.parameters)])
        return loss.detach()


KINDS = {
    "NASP, one path (ours)": NASP,
    "NASP, all under autograd, gradients of A alone": FullNASP,
    "NASP, all under autograd, as published": PublishedNASP,
    "DARTS first order (ours)": DARTS,
    "DARTS first order, as published": PublishedDARTS,
    "DARTS second order (finite difference)": SecondOrderDARTS,
}
OURS = "NASP, one path (ours)"
ROWS = {
    "nasp": [name for name in KINDS if name.startswith("NASP")],
    "darts": [OURS, *(name for name in KINDS if name.startswith("DARTS"))],
}
DEFAULTS = SearchOptions()


class Task:
    """A search that has begun."""

    def __init__(self, space: str, name: str, batch: int, precision: Precision) -> None:
        generator = torch.Generator().manual_seed(1)
        self.space = CNNSpace(
            space, 10, DEFAULTS.channels, DEFAULTS.layers, generator, precision=precision
        )
        self.optimizer = DEFAULTS.sgd(self.space.weights())
        step = WeightStep(self.optimizer, DEFAULTS.gradient_clip)
        self.strategy: Strategy = KINDS[name](
            self.space, generator, StrategyOptions(hessian="finite", weight_step=step)
        )
        shape = (batch, 3, 32, 32)
        self.train, self.valid = (
            (
                torch.randn(shape, generator=generator),
                torch.randint(10, shape[:1], generator=generator),
            )
            for _ in range(2)
        )

    def architecture(self) -> None:
        losses = (partial(_loss, self.space, batch) for batch in (self.train, self.valid))
        self.strategy.architecture_step(*losses)

    def weights(self) -> None:
        loss = self.space(self.train, self.strategy.weight_relaxation())
        descend(loss, self.space.weights(), self.optimizer, DEFAULTS.gradient_clip)

    def iteration(self) -> tuple[float, float]:
        """Seconds of the two steps."""
        start = time.perf_counter()
        self.architecture()
        middle = time.perf_counter()
        self.weights()
        return middle - start, time.perf_counter() - middle


def held_mb() -> float:
    """The most that this process has held; `getrusage` would count its parent's, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--channels_first", action="store_true")
    parser.add_argument("--memory_of", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    precision = Precision(channels_last=not arguments.channels_first)
    if arguments.memory_of:
        task = Task(*arguments.memory_of, arguments.batch, precision)
        before = held_mb()
        for _ in range(2):
            task.architecture()
        print(held_mb() - before)
        return
    layout = "first" if arguments.channels_first else "last"
    print(
        f"batch {arguments.batch}, {DEFAULTS.layers} cells, {DEFAULTS.channels} channels, float32, "
        f"channels {layout}, {torch.get_num_threads()} threads; median of {arguments.rounds} rounds"
    )
    print("| space | method | architecture, s | weights, s | iteration, s | times ours | peak MB |")
    print("|---|---|---|---|---|---|---|")
    for space, names in ROWS.items():
        tasks = {name: Task(space, name, arguments.batch, precision) for name in names}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for round in range(arguments.rounds + 1):
            for name, task in tasks.items():
                seconds = task.iteration()
                if round:  # the first is for warming up
                    times[name].append(seconds)
        totals = {name: statistics.median(map(sum, times[name])) for name in names}
        for name in names:
            parts = [statistics.median(part) for part in zip(*times[name], strict=True)]
            command = [sys.executable, *sys.argv, "--memory_of", space, name]
            memory = float(subprocess.run(command, capture_output=True, check=True).stdout)
            print(
                f"| {space} | {name} | {parts[0]:.3f} | {parts[1]:.3f} | {totals[name]:.3f} "
                f"| {totals[name] / totals[OURS]:.2f} | {memory:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
