"""The functions of N embeddings are all different compositions, each once."""

import math

import pytest
import torch

from nasp.errors import NaspError
from sif.nn.operations import OPERATIONS, functions

ELEMENTWISE = ("plus", "multiply", "max", "min")


@pytest.mark.parametrize(("entities", "count"), [(2, 5), (3, 53), (4, 897), (5, 165), (6, 245)])
def test_how_many_there_are(entities: int, count: int) -> None:
    found = functions(entities)
    assert len(found) == count
    assert list(found)[:5] == list(OPERATIONS)


@pytest.mark.parametrize("entities", [2, 3, 4, 6])
def test_no_two_are_the_same_function(entities: int) -> None:
    parts = torch.randn(entities, 64, 2, generator=torch.Generator().manual_seed(0)).double()
    values = {name: f(parts.unbind()) for name, f in functions(entities).items()}
    # Concatenations that differ only in the order of their blocks are one to a linear head.
    sorted_sums = {
        name: tuple(sorted(round(float(x), 9) for x in (v * v.cos()).sum(0)))
        for name, v in values.items()
    }
    assert len(set(sorted_sums.values())) == len(values)


def test_every_composition_of_three_is_among_them() -> None:
    parts = torch.randn(3, 64, 2, generator=torch.Generator().manual_seed(0)).double().unbind()
    known = [f(parts) for f in functions(3).values()]
    for first in range(3):
        a, b = (parts[i] for i in range(3) if i != first)
        for inner in ELEMENTWISE:
            for outer in OPERATIONS:
                value = OPERATIONS[outer]([OPERATIONS[inner]([a, b]), parts[first]])
                assert any(value.shape == one.shape and torch.allclose(value, one) for one in known)


def test_of_five_one_pair_meets_before_the_rest() -> None:
    found = functions(5)
    assert "max(plus(item,context2),user,context1,context3)" in found
    parts = torch.randn(5, 64, 2, generator=torch.Generator().manual_seed(0)).unbind()
    value = found["max(plus(item,context2),user,context1,context3)"](parts)
    rest = torch.stack([parts[0], parts[2], parts[4]]).amax(0)
    assert torch.equal(value, torch.maximum(parts[1] + parts[3], rest))


def test_too_many_columns_are_refused() -> None:
    assert len(functions(32)) == 5 + 16 * math.comb(32, 2)
    with pytest.raises(NaspError, match=r"33 entity columns: .* at most 32; .* --columns"):
        functions(33)


def test_shared_parts_are_evaluated_once() -> None:
    parts = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0)).unbind()
    known: dict[object, torch.Tensor] = {}
    for function in functions(3).values():
        assert torch.equal(function(parts, known), function(parts))  # type: ignore[arg-type]
    pairs = [f for f in known if len(f.parts) == 2 and all(isinstance(p, int) for p in f.parts)]  # type: ignore[attr-defined]
    assert len(pairs) == math.comb(3, 2) * len(ELEMENTWISE)
