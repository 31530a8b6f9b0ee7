"""Averages of weights take the place of the weights, and are restored."""

import pytest
import torch
from torch import nn

from nasp.training.averaging import MovingAverage


def followed(
    values: list[float], steps: float, every: int = 1
) -> tuple[nn.Parameter, MovingAverage]:
    weight = nn.Parameter(torch.zeros(2))
    average = MovingAverage([weight], steps, every)
    for value in values:
        with torch.no_grad():
            weight.fill_(value)
        average.update()
    return weight, average


def mean_of(average: MovingAverage) -> float:
    with average.applied():
        return float(average.weights[0][0].detach())


def test_it_is_the_mean_at_first_and_then_forgets() -> None:
    assert mean_of(followed([1.0, 2.0, 6.0], 10)[1]) == pytest.approx(3)
    _, average = followed([5.0] * 50 + [0.0] * 50, 10)
    assert mean_of(average) == pytest.approx(5 * (1 - 1 / 10) ** 50, rel=1e-3)


def test_few_steps_stand_for_all() -> None:
    assert mean_of(followed([9.0, 1.0, 9.0, 3.0], 100, 2)[1]) == pytest.approx(2)
    _, average = followed([float(n) for n in range(3000)], 100, 10)
    assert mean_of(average) == pytest.approx(2999 - 100, abs=15)


def test_the_weights_come_back() -> None:
    weight, average = followed([1.0, 3.0], 10)
    with pytest.raises(RuntimeError, match="stop"), average.applied():
        assert weight.tolist() == [2.0, 2.0]
        raise RuntimeError("stop")
    assert weight.tolist() == [3.0, 3.0]
    untouched, none = followed([], 10)
    with none.applied():
        assert untouched.tolist() == [0.0, 0.0]


def test_a_restored_average_goes_on_alike() -> None:
    values = [float(n % 7) for n in range(40)]
    _, whole = followed(values, 8, 2)
    _, first = followed(values[:21], 8, 2)
    weight, second = followed([], 8, 2)
    second.load_state_dict(first.state_dict())
    for value in values[21:]:
        with torch.no_grad():
            weight.fill_(value)
        second.update()
    assert mean_of(second) == mean_of(whole)
