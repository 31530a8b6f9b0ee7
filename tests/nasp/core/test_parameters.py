"""Initial values, ties and the regulariser of A."""

import pytest
import torch

from nasp.core.decision import Decision
from nasp.core.parameters import Architecture
from nasp.errors import NaspError

DECISION = Decision("d", ("a", "b", "c"), ("skip", "conv"), (0, 3), keep=2)


def made(seed: int) -> Architecture:
    return Architecture((DECISION,), torch.Generator().manual_seed(seed))


def test_starts_near_a_half_and_by_the_seed() -> None:
    a = made(0).values()["d"]
    assert a.shape == (3, 2)
    assert (a - 0.5).abs().max() < 0.01
    assert torch.equal(a, made(0).values()["d"])
    assert not torch.equal(a, made(1).values()["d"])


def test_clipped_weights_are_not_ranked_by_position() -> None:
    chosen = []
    for seed in range(40):
        architecture = made(seed)
        with torch.no_grad():
            architecture.values()["d"].fill_(1.0)
        chosen.append(architecture.projection()["d"].flatten())
    mean = torch.stack(chosen).mean(0)
    assert mean.min() > 0.1  # by position, every seed would keep skip on the first two edges
    assert mean.sum() == pytest.approx(2.0)


def test_the_absent_operation_is_never_kept() -> None:
    decision = Decision("d", ("a", "b", "c"), ("x", "none", "y"), (1, 0, 1), 2, absent="none")
    architecture = Architecture((decision,), torch.Generator().manual_seed(0))
    with torch.no_grad():
        architecture.values()["d"].copy_(
            torch.tensor([[0.1, 9.0, 0.2], [0.4, 9.0, 0.3], [0.0, 9.0, 0.05]])
        )
    kept = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert torch.equal(architecture.projection()["d"], kept)
    # Ties of edges are random as well, and a projection is not changed.
    values = {"d": torch.tensor([[0.3, 0.6, 0.1], [0.1, 0.1, 0.8], [0.2, 0.3, 0.5]])}
    before = values["d"].clone()
    kept = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    assert torch.equal(architecture.projection(values)["d"], kept)
    assert torch.equal(values["d"], before)


def test_complexity_is_that_of_the_point_given() -> None:
    point = {"d": torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])}
    assert made(0).complexity(point) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((), ("x",), (1,)), "sources"),
        ((("a",), ("x", "x"), (1, 1)), "operations"),
        ((("a",), ("x",), ()), "cost"),
        ((("a",), ("x",), (-1,)), "cost"),
        ((("a",), ("x",), (1,), 2), "keep=2"),
        ((("a",), ("x", "y"), (1, 1), 1, "none"), "absent='none'"),
        ((("a",), ("none",), (0,), 1, "none"), "absent='none'"),
    ],
)
def test_a_wrong_decision_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(NaspError, match=message):
        Decision("d", *arguments)
