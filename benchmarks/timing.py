"""Times of alternating methods, so that changes of the machine's speed affect all of them."""

import statistics
import time
from collections.abc import Callable, Mapping


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds of a function call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def medians(
    methods: Mapping[str, Callable[[], tuple[float, ...]]], rounds: int, warm: int = 1
) -> dict[str, tuple[float, ...]]:
    """Return the median of each number that a method measures.

    Args:
        methods: Functions that do their work once and return their measurements.
        rounds: Number of rounds.
        warm: Number of additional first rounds, which are not counted.
    """
    measured: dict[str, list[tuple[float, ...]]] = {name: [] for name in methods}
    for turn in range(warm + rounds):
        for name, method in methods.items():
            numbers = method()
            if turn >= warm:
                measured[name].append(numbers)
    return {
        name: tuple(map(statistics.median, zip(*rows, strict=True)))
        for name, rows in measured.items()
    }
