"""The stand-alone cell computes its equations, for any grouping of nodes."""

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from nasp.rnn.cell import RecurrentCell
from nasp.rnn.genotype import CellPlan, from_darts, plan_of
from nasp.rnn.operations import OPERATIONS
from nasp.rnn.zoo import ZOO
from tests.nasp.rnn.test_genotype import CELLS

UNITS, BATCH, STEPS = 4, 3, 5


def made(plan: CellPlan, seed: int = 0) -> tuple[RecurrentCell, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    cell = RecurrentCell(plan, UNITS, generator).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.mul_(25)
    shape, dtype = (BATCH, UNITS), torch.float64
    inputs = torch.randn(STEPS, *shape, generator=generator, dtype=dtype, requires_grad=True)
    state = torch.randn(shape, generator=generator, dtype=dtype, requires_grad=True)
    mask = torch.rand(shape, generator=generator, dtype=dtype)
    return cell, inputs, state, mask


def by_hand(cell: RecurrentCell, inputs: Tensor, state: Tensor, mask: Tensor) -> Tensor:
    """Compute the published equations, one node at a time with its own map."""
    own = {}
    for (_, nodes, _), matrix in zip(cell.groups, cell.maps, strict=True):
        gates, candidates = matrix.chunk(2, 1)
        for node, gate, z in zip(
            nodes, gates.split(UNITS, 1), candidates.split(UNITS, 1), strict=True
        ):
            own[node] = (gate, z)
    outputs = []
    for x in inputs:
        c, z = (x @ cell.input_map + (state * mask) @ cell.state_map).chunk(2, 1)
        states = {0: state + c.sigmoid() * (z.tanh() - state)}
        for node, (source, name) in enumerate(cell.plan.nodes, 1):
            s, (gate, z) = states[source], own[node]
            c = ((s * mask) @ gate).sigmoid()
            states[node] = s + c * (OPERATIONS[name]((s * mask) @ z) - s)
        state = sum(states[node] for node in cell.plan.output) / len(cell.plan.output)
        outputs.append(state)
    return torch.stack(outputs)


def check(plan: CellPlan) -> None:
    cell, inputs, state, mask = made(plan)
    ours, hand = cell(inputs, state, mask), by_hand(cell, inputs, state, mask)
    torch.testing.assert_close(ours, hand, rtol=1e-10, atol=1e-10)
    wanted = [inputs, state, *cell.parameters()]
    torch.testing.assert_close(
        torch.autograd.grad(ours.square().sum(), wanted, allow_unused=True),
        torch.autograd.grad(hand.square().sum(), wanted, allow_unused=True),
        rtol=1e-8,
        atol=1e-8,
    )


@pytest.mark.parametrize("name", ZOO)
def test_published_cells_follow_the_equations(name: str) -> None:
    check(plan_of(ZOO[name]))


@settings(max_examples=20)
@given(CELLS)
def test_any_cell_follows_the_equations(recurrent: list[tuple[str, int]]) -> None:
    check(plan_of(from_darts(recurrent, range(1, len(recurrent) + 1))))


def test_nodes_of_one_predecessor_share_a_product() -> None:
    cell = RecurrentCell(plan_of(ZOO["darts_v2"]), UNITS, torch.Generator())
    assert [(source, sorted(nodes)) for source, nodes, _ in cell.groups] == [
        (0, [1]), (1, [2, 3, 4]), (2, [5]), (3, [7]), (5, [6, 8]),
    ]  # fmt: skip
    assert cell.groups[1][2] == (("relu", 2), ("identity", 1))


def test_each_product_is_taken_once() -> None:
    cell, inputs, state, _ = made(plan_of(ZOO["darts_v1"]))
    with FlopCounterMode(display=False) as counter:
        cell(inputs, state)
    assert counter.get_total_flops() == STEPS * 10 * 2 * BATCH * UNITS * 2 * UNITS


def test_same_seed_same_cell() -> None:
    plan = plan_of(ZOO["darts_v1"])
    before = torch.get_rng_state()
    first, second, third = (
        RecurrentCell(plan, UNITS, torch.Generator().manual_seed(seed)).maps[0]
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, third)
    assert first.abs().max() <= 0.04
    assert torch.equal(before, torch.get_rng_state())
