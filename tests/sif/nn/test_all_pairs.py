"""Scores of all pairs are those of each pair."""

import pytest
import torch

from sif.nn import all_pairs
from sif.nn.all_pairs import score_all
from sif.nn.operations import OPERATIONS, Function, functions


@pytest.mark.parametrize("name", OPERATIONS)
def test_all_pairs_are_scored_as_one_pair(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values and gradients, in several blocks, and with ties between user and item."""
    monkeypatch.setattr(all_pairs, "CACHED", 7)
    generator = torch.Generator().manual_seed(0)
    function = functions(2)[name]
    users, items = (torch.randn(n, 4, generator=generator).double() for n in (5, 3))
    items[1] = users[2]
    head = torch.randn(function.width(4), generator=generator).double()
    given = [x.requires_grad_() for x in (users, items, head)]
    found = score_all(function, *given)
    expected = torch.stack(
        [torch.stack([function([user, item]) @ head for item in items]) for user in users]
    )
    torch.testing.assert_close(found, expected)
    weights = torch.randn(5, 3, generator=generator).double()
    gradients = [torch.autograd.grad((s * weights).sum(), given) for s in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_an_ordered_function_is_scored_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_pairs, "AT_ONCE", 10)
    swapped = Function("concat", (1, 0))
    generator = torch.Generator().manual_seed(0)
    users, items = (torch.randn(n, 2, generator=generator) for n in (4, 3))
    head = torch.tensor([1.0, 2.0, 3.0, 4.0])
    with torch.no_grad():
        found = score_all(swapped, users, items, head)
    torch.testing.assert_close(found, score_all(functions(2)["concat"], users, items, head.roll(2)))
