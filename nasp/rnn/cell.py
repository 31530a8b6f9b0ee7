"""The stand-alone cell of a plan, with as few and as large operations as its graph allows."""

from collections import defaultdict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from nasp.rnn.genotype import CellPlan
from nasp.rnn.operations import OPERATIONS
from nasp.rnn.through_time import SharedMap
from nasp.rnn.words import uniform

Products = list[Callable[[Tensor], Tensor]]


class RecurrentCell(nn.Module):
    """A recurrent cell whose nodes are decided (DARTS, section 2.1 and appendix A.1).

    The equations are those of `nasp.rnn.search_cell`, without batch norm. What does not depend on
    the state is one product for all time steps. Nodes with the same predecessor are one group: one
    product over their maps side by side, one gate, one update, and one call for each activation
    that occurs in it, for its nodes stand in the order of their activations.

    Args:
        plan: Its nodes.
        units: Of input and state.
        generator: Source of the start weights.

    Attributes:
        groups: For each of them the predecessor, the nodes, and the runs of equal activations as
            (operation, nodes).
        maps: For each group the gates of its nodes, and then their candidates:
            `(units, 2 · nodes · units)`.
    """

    def __init__(self, plan: CellPlan, units: int, generator: torch.Generator) -> None:
        super().__init__()
        self.plan, self.units = plan, units
        self.groups = _groups(plan)
        self.input_map = uniform(units, 2 * units, generator=generator)
        self.state_map = uniform(units, 2 * units, generator=generator)
        self.maps = nn.ParameterList(
            uniform(units, 2 * len(nodes) * units, generator=generator)
            for _, nodes, _ in self.groups
        )
        self._step = self._advance

    def compile_step(self) -> None:
        """Compile the time step with torch.compile; the first steps then take a while."""
        self._step = torch.compile(self._advance)

    def forward(self, inputs: Tensor, state: Tensor, mask: Tensor | None = None) -> Tensor:
        """Outputs of all time steps, `(steps, batch, units)`.

        Args:
            inputs: `(steps, batch, units)`.
            state: Before the first step, `(batch, units)`.
            mask: Dropout's on states before their products, `(batch, units)`.
        """
        products: Products = [SharedMap(self.state_map), *(SharedMap(m) for m in self.maps)]
        outputs = []
        for x in (inputs @ self.input_map).unbind(0):
            state = self._step(x, state, mask, products)
            outputs.append(state)
        return torch.stack(outputs)

    def _advance(self, x: Tensor, state: Tensor, mask: Tensor | None, products: Products) -> Tensor:
        """The next state, given the input's part of the first product, `(batch, 2 · units)`."""

        def product(position: int, s: Tensor) -> Tensor:
            return products[position](s if mask is None else s * mask)

        gate, z = (x + product(0, state)).chunk(2, -1)
        states = {0: torch.lerp(state, z.tanh(), gate.sigmoid())}
        for position, (source, nodes, runs) in enumerate(self.groups, 1):
            gate, z = product(position, states[source]).chunk(2, -1)
            if len(nodes) == 1:
                values = OPERATIONS[runs[0][0]](z)
                states[nodes[0]] = torch.lerp(states[source], values, gate.sigmoid())
                continue
            shape = (-1, len(nodes), self.units)
            values = _activated(z.view(shape), runs)
            new = torch.lerp(states[source][:, None], values, gate.sigmoid().view(shape))
            states |= zip(nodes, new.unbind(1), strict=True)
        return torch.stack([states[node] for node in self.plan.output]).mean(0)


def _groups(
    plan: CellPlan,
) -> tuple[tuple[int, tuple[int, ...], tuple[tuple[str, int], ...]], ...]:
    order = list(OPERATIONS)
    followers: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for node, (source, operation) in enumerate(plan.nodes, 1):
        followers[source].append((order.index(operation), node))
    groups = []
    for source in sorted(followers):  # a group's nodes come after it, so each finds its source
        members = sorted(followers[source])
        counts = [sum(k == position for k, _ in members) for position in range(len(order))]
        runs = tuple((order[k], count) for k, count in enumerate(counts) if count)
        groups.append((source, tuple(node for _, node in members), runs))
    return tuple(groups)


def _activated(z: Tensor, runs: tuple[tuple[str, int], ...]) -> Tensor:
    """The activations of a group's nodes, `(batch, nodes, units)` to the same."""
    if len(runs) == 1:
        return OPERATIONS[runs[0][0]](z)
    parts = torch.split(z, [nodes for _, nodes in runs], 1)
    return torch.cat([OPERATIONS[name](p) for (name, _), p in zip(runs, parts, strict=True)], 1)
