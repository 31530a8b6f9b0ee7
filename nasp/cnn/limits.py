"""The limits of a search for CNN cells: skips, parameters, multiply-adds, latency."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from statistics import median

import torch
from torch import nn

from nasp.cnn.genotype import SPACE
from nasp.cnn.network import Network
from nasp.cnn.operations import operation
from nasp.cnn.options import Budget, SearchOptions
from nasp.cnn.size import mult_adds, parameters
from nasp.cnn.space import NODES
from nasp.cnn.stem import skeleton
from nasp.core.decision import Decision
from nasp.core.genotype import Choices, Genotype
from nasp.core.limit import Limit, check_limits

Shape = tuple[int, int, int]  # channels, height, width
Measure = Callable[[nn.Module, Shape], float]
Cost = dict[str, dict[tuple[str, str], float]]
LATENCY = "latency"  # section of the checkpoint
ROUNDS = 15  # measurements, whose median is the latency


def limits_of(
    options: SearchOptions,
    decisions: Sequence[Decision],
    classes: int,
    latency: Measure,
) -> tuple[Limit, ...]:
    """Return the limits that a search's options set.

    Args:
        options: The options.
        decisions: The decisions of the space.
        classes: Number of classes.
        latency: Returns the latency of a module, in milliseconds.

    Raises:
        NaspError: No cell keeps one of the limits.
    """
    limits, budget = [], options.budget
    if options.max_skips is not None:
        skips: Cost = {
            d.name: {(s, k): float(k == "skip_connect") for s in d.sources for k in d.operations}
            for d in decisions
            if not d.name.startswith("reduce")
        }
        limits.append(Limit("max_skips", skips, options.max_skips))
    measures: Mapping[str, Measure] = {
        "parameters": lambda module, shape: parameters(module),
        "mult_adds": mult_adds,
        LATENCY: latency,
    }
    for name, measure in measures.items():
        most: float | None = getattr(budget, name)
        if most is not None:
            cost, fixed = _costs(budget, decisions, classes, measure)
            limits.append(Limit(f"budget.{name}", cost, most, fixed))
    check_limits(limits, decisions)
    return tuple(limits)


def _costs(
    budget: Budget, decisions: Sequence[Decision], classes: int, measure: Measure
) -> tuple[Cost, float]:
    """Return the cost of each candidate, summed over the cells, and the cost of the rest."""
    choices: Choices = {
        d.name: tuple((source, d.without_absent().operations[0]) for source in d.sources[: d.keep])
        for d in decisions
    }
    network = Network(
        Genotype(SPACE, choices),
        budget.channels,
        budget.layers,
        classes,
        budget.kind,
        False,
        torch.Generator().manual_seed(0),
    )
    whole = measure(network.eval(), (3, budget.size, budget.size))

    @cache
    def of(name: str, channels: int, stride: int, height: int) -> float:
        module = operation(name, channels, stride, affine=True)
        return measure(module, (channels, height, height))

    cost: Cost = {d.name: defaultdict(float) for d in decisions}
    for reduction, channels, height in _cells(budget):
        for d in (d for d in decisions if d.name.startswith("reduce") == reduction):
            for position, source in enumerate(d.sources):
                halves = reduction and position < 2
                inputs = height if halves or not reduction else height // 2
                for name in d.operations:
                    cost[d.name][source, name] += of(name, channels, 2 if halves else 1, inputs)
    chosen = sum(cost[name][pair] for name, pairs in choices.items() for pair in pairs)
    return cost, max(whole - chosen, 0.0)


def _cells(budget: Budget) -> Iterator[tuple[bool, int, int]]:
    """Yield for each cell whether it is a reduction, its channels, and the height of its inputs."""
    height = budget.size // (8 if budget.kind == "imagenet" else 1)
    _, places, _ = skeleton(budget.kind, budget.channels, budget.layers, lambda reduction: NODES)
    for place in places:
        yield place.reduction, place.channels, height
        if place.reduction:
            height //= 2


@torch.no_grad()
def milliseconds(module: nn.Module, shape: Shape, device: torch.device) -> float:
    """Return the median time of a module in evaluation, for one image.

    Args:
        module: The module; it is moved to the device.
        shape: Channels, height and width of its input.
        device: Where it is measured.
    """
    module = module.to(device).eval()
    images = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0)).to(device)

    def seconds() -> float:
        start = time.perf_counter()
        module(images)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    seconds()  # the first run chooses algorithms and allocates memory
    return 1e3 * median(seconds() for _ in range(ROUNDS))
