"""A stopwatch for the parts of an epoch."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Stopwatch:
    """Sums the time of alternating parts, on CUDA without waiting for the device.

    Args:
        device: The device of the computation. On CUDA the time between events in the queue counts.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._seconds: dict[str, float] = defaultdict(float)
        self._events: dict[str, list[tuple[torch.cuda.Event, torch.cuda.Event]]] = defaultdict(list)

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        """Add the time of the `with` block to a part."""
        if self._cuda:
            first, last = (
                torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
                for _ in range(2)
            )
            first.record()
            yield
            last.record()
            self._events[part].append((first, last))
        else:
            start = time.perf_counter()
            yield
            self._seconds[part] += time.perf_counter() - start

    def seconds(self, part: str) -> float:
        """Return the total time of a part; waits for the device."""
        for first, last in self._events.pop(part, ()):
            last.synchronize()
            self._seconds[part] += first.elapsed_time(last) / 1000
        return self._seconds[part]
