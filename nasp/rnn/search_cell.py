"""The recurrent cell whose nodes are undecided, and its one-path gradient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.relaxation import Relaxation
from nasp.rnn.operations import OPERATIONS, value
from nasp.rnn.through_time import SharedMap, deferred
from nasp.rnn.words import uniform

States = tuple[Tensor, ...]


class SearchCell(nn.Module):
    """A cell with all candidates (DARTS, section 2.1 and appendix A.1).

    State 0 is `h + c · (tanh(z) − h)` with `[c, z] = [x, h] W₀`; candidate (j, f) of node i is
    `s_j + c · (f(z) − s_j)` with `[c, z] = s_j W_i`, where c goes through a sigmoid. The four
    activations of a predecessor share its product. State 0 and the nodes go through a batch norm
    without weights, whose statistics are those of the batch at the time step, when judging, too:
    running ones would be a mean of nine states of different sizes. Without the norm, one path
    computes what the stand-alone cell does. The output is the mean of the nodes.

    Args:
        decisions: The nodes.
        units: Of input and state.
        generator: Source of the start weights.
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
        # Without running statistics, those of the batch serve judging, too.
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
        """Outputs of all time steps, `(steps, batch, units)`.

        Args:
            inputs: `(steps, batch, units)`.
            state: Before the first step, `(batch, units)`.
            relaxation: Weights of the candidates.
            mask: Dropout's on states before their products, `(batch, units)`.
        """
        history = _History(mask)
        notes = [_Notes(history) for _ in self.decisions]
        relaxation = self._collected(self._present(relaxation), notes)
        state_map, maps = SharedMap(self.state_map), [SharedMap(weight) for weight in self.maps]
        edges = [sorted({e for e, _ in relaxation.active[d.name]}) for d in self.decisions]
        outputs = []
        for step, x in enumerate((inputs @ self.input_map).unbind(0)):
            first = _updated(state, x + state_map(_masked(state, mask)), torch.tanh)
            states: States = (self.norm(first),)
            for d, shared, own, kept in zip(self.decisions, maps, edges, notes, strict=True):
                run = _candidates(d, relaxation, states, own, mask, shared, kept)
                probe = partial(kept.take, step, relaxation.weights[d.name])
                states = (*states, self.norm(relaxation.mix(d.name, run, probe)))
            state = torch.stack(states[1:]).mean(0)
            outputs.append(state)
            if any(kept.wanted for kept in notes):
                history.states.append(tuple(s.detach() for s in states))
        return torch.stack(outputs)

    def _present(self, relaxation: Relaxation) -> Relaxation:
        """The same relaxation without candidates that are no connection: they add nothing."""
        active = dict(relaxation.active)
        for d in self.decisions:
            if d.absent is not None:
                none = d.operations.index(d.absent)
                active[d.name] = tuple((e, k) for e, k in active[d.name] if k != none)
        return replace(relaxation, active=active)

    def _collected(self, relaxation: Relaxation, notes: Sequence["_Notes"]) -> Relaxation:
        """The same relaxation; where it is probed, its gradients are found when all steps are."""
        if not relaxation.discrete:
            return relaxation
        weights = dict(relaxation.weights)
        for d, weight, kept in zip(self.decisions, self.maps, notes, strict=True):
            a = weights[d.name]
            if a.requires_grad and torch.is_grad_enabled():
                kept.wanted = True
                choice = relaxation.active[d.name][0]
                find = partial(kept.gradient, d, choice, weight.detach(), a.detach())
                weights[d.name] = deferred(a, find)
        return replace(relaxation, weights=weights)


class _History:
    """The states of all time steps, without autograd's history, for decisions that are probed.

    Attributes:
        mask: Dropout's on states before their products.
        states: At each time step.
    """

    def __init__(self, mask: Tensor | None) -> None:
        self.mask = mask
        self.states: list[States] = []
        self.stacked: dict[int, tuple[Tensor, Tensor]] = {}

    def of(self, edge: int) -> tuple[Tensor, Tensor]:
        """A state at all time steps, and what dropout lets pass of it, `(steps · batch, units)`."""
        if edge not in self.stacked:
            state = torch.stack([states[edge] for states in self.states])
            passed = _masked(state, self.mask)
            self.stacked[edge] = state.flatten(0, 1), passed.flatten(0, 1)
        return self.stacked[edge]


@dataclass
class _Notes:
    """What the gradient of a probed decision is made of, by time step.

    Attributes:
        history: The states.
        wanted: Whether the decision is probed.
        products: That of the candidate that runs, without autograd's history.
        gradients: ∂L/∂node.
    """

    history: _History
    wanted: bool = False
    products: list[Tensor] = field(default_factory=list)
    gradients: dict[int, Tensor] = field(default_factory=dict)

    def take(self, step: int, a: Tensor, gradient: Tensor) -> Tensor:
        """Note ∂L/∂node of a step; the sum over the steps is found once, by `gradient`."""
        self.gradients[step] = gradient
        return torch.zeros_like(a)

    def gradient(
        self, decision: Decision, chosen: tuple[int, int], weight: Tensor, a: Tensor
    ) -> Tensor:
        """Σ over time of ⟨∂L/∂node, candidate⟩ for all candidates, `(edges, operations)`.

        A predecessor's product is taken once, over all time steps; that of the candidate that ran
        is known. With `c` and `z` from the product, a candidate's inner product is
        `⟨g, s⟩ − ⟨c g, s⟩ + ⟨c g, f(z)⟩`, and all but the last term serves all activations. One
        predecessor at a time fits a processor's cache, and memory does not grow with their number.
        """
        if not self.gradients:
            return torch.zeros_like(a)
        zero = torch.zeros_like(self.products[0].chunk(2, -1)[0])
        g = torch.cat([self.gradients.get(t, zero) for t in range(len(self.products))]).view(-1)
        rows = []
        for edge in range(len(decision.sources)):
            state, passed = self.history.of(edge)
            product = torch.cat(self.products) if edge == chosen[0] else passed @ weight
            gate, z = product.chunk(2, -1)
            gated, s, z = gate.sigmoid().view(-1).mul_(g), state.view(-1), z.reshape(-1)
            shared = torch.dot(g, s) - torch.dot(gated, s)
            none = torch.zeros_like(shared)
            inner = [
                none if k == decision.absent else shared + torch.dot(gated, value(k, z))
                for k in decision.operations
            ]
            rows.append(torch.stack(inner))
        self.gradients.clear()
        return torch.stack(rows).to(a.dtype)


def _candidates(
    decision: Decision,
    relaxation: Relaxation,
    states: States,
    edges: Sequence[int],
    mask: Tensor | None,
    shared: SharedMap,
    notes: _Notes,
) -> Callable[[int, int], Tensor]:
    """Evaluates the candidates that run: one product, and each activation once, for all edges."""
    used = states[edges[0]] if len(edges) == 1 else torch.stack([states[e] for e in edges])
    product = shared(_masked(used, mask).view(-1, used.shape[-1]))
    if notes.wanted:
        notes.products.append(product.detach())
    product = product.view(*used.shape[:-1], -1)
    operations = {k for _, k in relaxation.active[decision.name]}
    values = {k: _updated(used, product, OPERATIONS[decision.operations[k]]) for k in operations}
    if len(edges) == 1:
        return lambda edge, k: values[k]
    apart = {k: many.unbind(0) for k, many in values.items()}
    position = {edge: i for i, edge in enumerate(edges)}
    return lambda edge, k: apart[k][position[edge]]


def _updated(state: Tensor, product: Tensor, activation: Callable[[Tensor], Tensor]) -> Tensor:
    """`s + c · (f(z) − s)`, with the gate c from the product's first half and z the other."""
    gate, z = product.chunk(2, -1)
    return torch.lerp(state, activation(z), gate.sigmoid())


def _masked(state: Tensor, mask: Tensor | None) -> Tensor:
    return state if mask is None else state * mask
