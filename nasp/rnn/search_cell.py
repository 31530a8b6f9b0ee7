"""The recurrent cell with all candidates, and its one-path gradient."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.relaxation import Choice, Probes, Relaxation, factor_of
from nasp.rnn.operations import OPERATIONS, value
from nasp.rnn.through_time import SharedMap
from nasp.rnn.words import uniform

States = tuple[Tensor, ...]


class SearchCell(nn.Module):
    """A cell with all candidates (DARTS, section 2.1 and appendix A.1).

    State 0 is `h + c · (tanh(z) − h)` with `[c, z] = [x, h] W₀`. Candidate (j, f) of node i is
    `s_j + c · (f(z) − s_j)` with `[c, z] = s_j W_i`. A sigmoid is applied to c. The four
    activations of a predecessor share its product. State 0 and the nodes are normalised by a batch
    norm without weights. Its statistics are those of the batch at the time step, in evaluation too,
    because running statistics would average nine states of different scales. Without the norm, one
    path computes the same as the stand-alone cell. The output is the mean of the nodes.

    Args:
        decisions: The decisions on the nodes.
        units: Units of input and state.
        generator: Draws the initial weights.
        batch_norm: Whether the states are normalised.
    """

    def __init__(
        self,
        decisions: Sequence[Decision],
        units: int,
        generator: torch.Generator,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        self.decisions = tuple(decisions)
        # Without running statistics, evaluation uses the batch's statistics, too.
        self.norm = (
            nn.BatchNorm1d(units, affine=False, track_running_stats=False)
            if batch_norm
            else nn.Identity()
        )
        self.input_map = uniform(units, 2 * units, generator=generator)
        self.state_map = uniform(units, 2 * units, generator=generator)
        self.maps = nn.ParameterList(
            uniform(units, 2 * units, generator=generator) for _ in self.decisions
        )

    def forward(
        self, inputs: Tensor, state: Tensor, relaxation: Relaxation, mask: Tensor | None = None
    ) -> Tensor:
        """Return the outputs of all time steps, `(steps, batch, units)`.

        Args:
            inputs: Inputs, `(steps, batch, units)`.
            state: State before the first step, `(batch, units)`.
            relaxation: The weights of the candidates.
            mask: Dropout mask on states before their products, `(batch, units)`.
        """
        relaxation = self._present(relaxation)
        edges = [sorted({e for e, _ in relaxation.active[d.name]}) for d in self.decisions]
        history = _History(mask)
        probes = {
            d.name: _Probe(d, weight.detach(), own, history)
            for d, weight, own in zip(self.decisions, self.maps, edges, strict=True)
        }
        relaxation = relaxation.repeated(probes)
        probed = any(map(relaxation.is_probed, probes))
        state_map, maps = SharedMap(self.state_map), [SharedMap(weight) for weight in self.maps]
        outputs = []
        for x in (inputs @ self.input_map).unbind(0):
            first = _updated(state, x + state_map(_masked(state, mask)), torch.tanh)
            states: States = (self.norm(first),)
            for d, shared, own in zip(self.decisions, maps, edges, strict=True):
                if not own:  # "no connection" on all edges
                    states = (*states, self.norm(torch.zeros_like(first)))
                    continue
                used = states[own[0]] if len(own) == 1 else torch.stack([states[e] for e in own])
                product = shared(_masked(used, mask).view(-1, used.shape[-1]))
                if probed:
                    probes[d.name].products.append(product.detach())
                run = _candidates(d, relaxation.active[d.name], own, used, product)
                states = (*states, self.norm(relaxation.mix(d.name, run)))
            state = torch.stack(states[1:]).mean(0)
            outputs.append(state)
            if probed:
                history.states.append(tuple(s.detach() for s in states))
        return torch.stack(outputs)

    def _present(self, relaxation: Relaxation) -> Relaxation:
        """Return the same relaxation without the candidates `none`, which add nothing."""
        active = dict(relaxation.active)
        for d in self.decisions:
            if d.absent is not None:
                none = d.operations.index(d.absent)
                active[d.name] = tuple((e, k) for e, k in active[d.name] if k != none)
        return replace(relaxation, active=active)


class _History:
    """The states of all time steps, without autograd's history, for the probes.

    Attributes:
        mask: Dropout mask on states before their products.
        states: The states at each time step.
    """

    def __init__(self, mask: Tensor | None) -> None:
        self.mask = mask
        self.states: list[States] = []
        self.stacked: dict[int, tuple[Tensor, Tensor]] = {}

    def at(self, edge: int) -> tuple[Tensor, Tensor]:
        """Return a state at all time steps before and after dropout, `(steps · batch, units)`."""
        if edge not in self.stacked:
            state = torch.stack([states[edge] for states in self.states])
            passed = _masked(state, self.mask)
            self.stacked[edge] = state.flatten(0, 1), passed.flatten(0, 1)
        return self.stacked[edge]


class _Probe:
    """Computes ∂L/∂A of a node, a sum over time steps, from its gradients at all time steps.

    The product of a predecessor is computed once for all time steps, if any of its candidates is
    evaluated; the products of predecessors that ran are stored. With `c` and `z` from the product,
    a candidate's inner product is `⟨g, s⟩ − ⟨c g, s⟩ + ⟨c g, f(z)⟩`, whose first two terms are the
    same for all activations. Predecessors are handled one at a time, which fits a processor's cache
    and keeps the memory independent of their number.

    Args:
        decision: The decision on the node.
        weight: The node's map, without autograd's history, `(units, 2 · units)`.
        ran: The predecessors that run.
        history: The states.

    Attributes:
        products: The products of the predecessors that run, at each time step, without autograd's
            history, `(predecessors · batch, 2 · units)`.
    """

    def __init__(
        self, decision: Decision, weight: Tensor, ran: Sequence[int], history: _History
    ) -> None:
        self.decision, self.weight, self.ran, self.history = decision, weight, ran, history
        self.products: list[Tensor] = []

    def __call__(self, gradient: Tensor, probes: Probes | None) -> Tensor:
        """Return ∂L/∂A, `(edges, operations)`, from gradients `(steps, batch, units)`."""
        g, operations = gradient.view(-1), self.decision.operations
        rows = []
        for edge in range(len(self.decision.sources)):
            factors = [
                0.0 if name == self.decision.absent else factor_of(probes, (edge, k))
                for k, name in enumerate(operations)
            ]
            rows.append(self._row(edge, factors, g) if any(factors) else g.new_zeros(len(factors)))
        return torch.stack(rows)

    def _row(self, edge: int, factors: Sequence[float], g: Tensor) -> Tensor:
        """Return the entries of a predecessor, `(operations,)`, from the node's flat gradient."""
        state, passed = self.history.at(edge)
        product = self._known(self.ran.index(edge)) if edge in self.ran else passed @ self.weight
        gate, z = product.chunk(2, -1)
        gated, s, z = gate.sigmoid().view(-1).mul_(g), state.view(-1), z.contiguous()
        shared = torch.dot(g, s) - torch.dot(gated, s)
        inner = []
        for name, factor in zip(self.decision.operations, factors, strict=True):
            if factor == 0.0:
                inner.append(torch.zeros_like(shared))
                continue
            entry = shared + torch.dot(gated, value(name, z).reshape(-1))
            inner.append(entry if factor == 1.0 else factor * entry)
        return torch.stack(inner)

    def _known(self, position: int) -> Tensor:
        """Return the stored product of a predecessor that ran, `(steps · batch, 2 · units)`."""
        if len(self.ran) == 1:
            return torch.cat(self.products)
        return torch.cat([p.tensor_split(len(self.ran))[position] for p in self.products])


def _candidates(
    decision: Decision,
    active: Sequence[Choice],
    edges: Sequence[int],
    used: Tensor,
    product: Tensor,
) -> Callable[[int, int], Tensor]:
    """Evaluate the active candidates, calling each activation once for all predecessors.

    Args:
        decision: The decision on the node.
        active: The active candidates.
        edges: The predecessors of these.
        used: The states of the predecessors, `(predecessors, batch, units)`, or `(batch, units)` if
            there is only one.
        product: Their products with the node's map, `(predecessors · batch, 2 · units)`.
    """
    product = product.view(*used.shape[:-1], -1)
    values = {
        k: _updated(used, product, OPERATIONS[decision.operations[k]])
        for k in {k for _, k in active}
    }
    if len(edges) == 1:
        return lambda edge, k: values[k]
    apart = {k: many.unbind(0) for k, many in values.items()}
    position = {edge: i for i, edge in enumerate(edges)}
    return lambda edge, k: apart[k][position[edge]]


def _updated(state: Tensor, product: Tensor, activation: Callable[[Tensor], Tensor]) -> Tensor:
    """Return `s + c · (f(z) − s)`; the gate c is from the product's first half, z the second."""
    gate, z = product.chunk(2, -1)
    return torch.lerp(state, activation(z), gate.sigmoid())


def _masked(state: Tensor, mask: Tensor | None) -> Tensor:
    return state if mask is None else state * mask
