"""Times of methods that take turns, so that a change of the machine's speed meets all of them."""

import statistics
import time
from collections.abc import Callable, Mapping


def seconds(work: Callable[[], object]) -> float:
    """How long a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def medians(
    methods: Mapping[str, Callable[[], tuple[float, ...]]], rounds: int, warm: int = 1
) -> dict[str, tuple[float, ...]]:
    """The median of each number that a method measures.

    Args:
        methods: Each carries out its work once and returns what it measured.
        rounds: How often each has its turn.
        warm: Further rounds before them, which do not count.
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
