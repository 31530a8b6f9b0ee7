"""Offsets are added to the continuous architecture in the order of its parameters."""

import pytest
import torch
from torch import nn

from nasp.errors import NaspError
from tests.nasp.toys import TOYS


def test_offsets_are_added_in_the_order_of_the_architecture() -> None:
    space = TOYS["cf"](torch.Generator().manual_seed(0))
    before = nn.utils.parameters_to_vector(space.architecture()).clone()
    weights = [p.clone() for p in space.weights()]
    offsets = torch.arange(len(before)) / 8
    space.move(offsets.tolist())
    after = nn.utils.parameters_to_vector(space.architecture())
    assert torch.allclose(after - before, offsets, atol=1e-5)
    assert all(torch.equal(p, q) for p, q in zip(space.weights(), weights, strict=True))


@pytest.mark.parametrize(("kind", "count"), [("cf", 3), ("cnn", 1)])
def test_offsets_that_do_not_fit_are_a_mistake(kind: str, count: int) -> None:
    space = TOYS[kind](torch.Generator().manual_seed(0))
    with pytest.raises(NaspError, match=f"{count} offsets for a continuous architecture of"):
        space.move([0.0] * count)
    TOYS["cnn"](torch.Generator().manual_seed(0)).move([])
