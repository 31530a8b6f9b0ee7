"""Which of two values of a metric is the better one: its name says so."""

Metrics = dict[str, float]
"""Values by tracking name: `valid/rmse`, `test/accuracy`."""


def better(name: str, value: float, than: float) -> bool:
    """Whether a value is strictly better: accuracies are to grow, all else to shrink."""
    return value > than if _grows(name) else value < than


def best(name: str, values: list[float]) -> int:
    """The position of the best value, the first of equals."""
    return values.index((max if _grows(name) else min)(values))


def _grows(name: str) -> bool:
    return name.endswith("accuracy")
