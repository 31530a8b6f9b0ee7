"""The projections are the nearest points of their sets, by brute force."""

from itertools import combinations, product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nasp.core.projection import complexity, prox_c1, prox_c2, prox_complexity
from nasp.errors import NaspError


@st.composite
def weights(draw: st.DrawFn) -> tuple[Tensor, int]:
    edges, operations = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    values = st.floats(-2, 2, allow_nan=False, width=32)
    flat = draw(st.lists(values, min_size=edges * operations, max_size=edges * operations))
    a = torch.tensor(flat, dtype=torch.float64).view(edges, operations)
    return a, draw(st.integers(1, edges))


def all_of_c1(edges: int, operations: int, keep: int) -> list[Tensor]:
    points = []
    for kept in combinations(range(edges), keep):
        for chosen in product(range(operations), repeat=keep):
            point = torch.zeros(edges, operations, dtype=torch.float64)
            point[list(kept), list(chosen)] = 1.0
            points.append(point)
    return points


@given(weights())
def test_c1_is_the_nearest_point(case: tuple[Tensor, int]) -> None:
    a, keep = case
    projected = prox_c1(a, keep)
    nearest = min((a - point).square().sum() for point in all_of_c1(*a.shape, keep))
    assert (a - projected).square().sum() <= nearest + 1e-9
    assert any(torch.equal(projected, point) for point in all_of_c1(*a.shape, keep))


@given(weights())
def test_projections_are_idempotent(case: tuple[Tensor, int]) -> None:
    a, keep = case
    once = prox_c1(a, keep)
    assert torch.equal(prox_c1(once, keep), once)
    assert torch.equal(prox_c2(prox_c2(a)), prox_c2(a))


@given(weights())
def test_c2_is_the_nearest_point(case: tuple[Tensor, int]) -> None:
    a, _ = case
    grid = torch.linspace(0, 1, 201, dtype=torch.float64)
    by_force = grid[(a.unsqueeze(-1) - grid).abs().argmin(-1)]
    assert (prox_c2(a) - by_force).abs().max() <= 0.0025 + 1e-9


def test_c1_refuses_what_it_cannot_project() -> None:
    a = torch.zeros(2, 3)
    for keep in (0, 3):
        with pytest.raises(ValueError, match=f"keep={keep}"):
            prox_c1(a, keep)
    a[0, 0] = torch.nan
    with pytest.raises(NaspError, match="NaN"):  # a command ends with one line
        prox_c1(a)


def test_the_proximal_step_of_the_regulariser_minimises_its_objective() -> None:
    a, cost = torch.tensor([[0.3, 0.9], [0.7, 0.1]], dtype=torch.float64), torch.tensor([1.0, 3.0])
    x = prox_complexity(a, cost, 0.4).requires_grad_()
    objective = 0.4 * complexity(x, cost) + (x - a).square().sum() / 2
    (gradient,) = torch.autograd.grad(objective, x)
    assert gradient.abs().max() < 1e-6
    assert torch.equal(prox_complexity(a, torch.zeros(2), 0.4), a)


def test_complexity_weighs_operations_by_their_parameters() -> None:
    a = torch.tensor([[1.0, 2.0], [0.0, 3.0]])
    assert complexity(a, torch.tensor([1.0, 3.0])) == pytest.approx(1 / 4 + 3 / 4 * 13)
    assert complexity(a, torch.zeros(2)) == 0
