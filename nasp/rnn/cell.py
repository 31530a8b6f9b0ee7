"""The stand-alone recurrent cell of a genotype, computed with few and large operations."""

from collections import defaultdict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from nasp.rnn.genotype import CellPlan
from nasp.rnn.operations import OPERATIONS
from nasp.rnn.through_time import SharedMap, scanned
from nasp.rnn.words import uniform

Products = list[Callable[[Tensor], Tensor]]


class RecurrentCell(nn.Module):
    """A recurrent cell with chosen operations (DARTS, section 2.1 and appendix A.1).

    The equations are those of `nasp.rnn.search_cell`, without batch norm. The product of the input
    does not depend on the state and is computed once for all time steps. Nodes with the same
    predecessor form a group, which needs one product with its concatenated maps, one gate, one
    update, and one call of each of its activations, because its nodes are sorted by activation.

    Args:
        plan: The cell's nodes.
        units: Units of input and state.
        generator: Draws the initial weights.

    Attributes:
        groups: For each group, the predecessor, the nodes, and the runs of equal activations as
            (operation, nodes).
        maps: For each group, the maps of its nodes' gates, then of their candidates:
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
        """Compile the time step with torch.compile, which makes the first steps slow."""
        self._step = torch.compile(self._advance)

    def forward(self, inputs: Tensor, state: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the outputs of all time steps, `(steps, batch, units)`.

        Args:
            inputs: Inputs, `(steps, batch, units)`.
            state: State before the first step, `(batch, units)`.
            mask: Dropout mask on states before their products, `(batch, units)`.
        """
        products: Products = [SharedMap(self.state_map), *(SharedMap(m) for m in self.maps)]
        steps = inputs @ self.input_map
        if torch.compiler.is_exporting():
            return scanned(lambda x, state: self._step(x, state, mask, products), steps, state)
        outputs = []
        for x in steps.unbind(0):
            state = self._step(x, state, mask, products)
            outputs.append(state)
        return torch.stack(outputs)

    def _advance(self, x: Tensor, state: Tensor, mask: Tensor | None, products: Products) -> Tensor:
        """Return the next state, given the input's product `x`, `(batch, 2 · units)`."""

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
    for source in sorted(followers):  # in order, so that each source is computed first
        members = sorted(followers[source])
        counts = [sum(k == position for k, _ in members) for position in range(len(order))]
        runs = tuple((order[k], count) for k, count in enumerate(counts) if count)
        groups.append((source, tuple(node for _, node in members), runs))
    return tuple(groups)


def _activated(z: Tensor, runs: tuple[tuple[str, int], ...]) -> Tensor:
    """Apply the activations of a group's nodes to `(batch, nodes, units)`."""
    if len(runs) == 1:
        return OPERATIONS[runs[0][0]](z)
    parts = torch.split(z, [nodes for _, nodes in runs], 1)
    return torch.cat([OPERATIONS[name](p) for (name, _), p in zip(runs, parts, strict=True)], 1)
