"""Advantages of scores over their moving average, for samplers with a policy."""

import math


class Advantage:
    """Turns scores, of which smaller is better, into advantages without a unit.

    Args:
        momentum: Momentum of the moving averages.
    """

    def __init__(self, momentum: float) -> None:
        self.momentum = momentum
        self._worst: float | None = None
        self._average: float | None = None
        self._square = 0.0

    def of(self, score: float) -> float | None:
        """Return the moving average of the scores minus the score, over its moving deviation.

        The deviation is the moving root mean square of that difference. A failed trial, whose score
        is infinite, gets the worst score so far; before any other score there is no advantage.
        """
        if not math.isfinite(score):
            if self._worst is None:
                return None
            score = self._worst
        self._worst = score if self._worst is None else max(score, self._worst)
        if self._average is None:
            self._average = score
        better = self._average - score
        self._average -= (1 - self.momentum) * better
        keep = self.momentum if self._square else 0.0  # the first difference is its own mean square
        self._square = keep * self._square + (1 - keep) * better**2
        return better / self._square**0.5 if self._square else 0.0
