"""`Relaxation`: the weights of all candidates in a forward pass, and the one-path gradient."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from nasp.core.deferred import deferred, refuse_second_derivatives

Choice = tuple[int, int]  # (edge, operation), positions in the decision's lists
Run = Callable[[int, int], Tensor]  # evaluates one candidate: (edge, operation) -> node-shaped
Total = Callable[[Sequence[Choice]], Tensor]  # evaluates the sum of candidates of weight one
Probes = Mapping[Choice, float]  # candidates to evaluate, and the factor on each one's gradient


class Probe(Protocol):
    """Computes ∂L/∂A of one decision, whose entries are ⟨∂L/∂node, op_k(input_e)⟩.

    A space provides a probe where it can evaluate candidates together, in fewer and larger
    operations than one at a time. `Relaxation` calls it in the backward pass, where ∂L/∂node is
    known, under `torch.no_grad()`; what the probe evaluates gets no gradient.
    """

    def __call__(self, gradient: Tensor, probes: Probes | None) -> Tensor:
        """Return ∂L/∂A of the decision.

        Args:
            gradient: ∂L/∂node, in the node's shape. For a decision whose probe was given to
                `Relaxation.repeated`, the gradients of all calls of `Relaxation.mix`, in order:
                `(calls, *shape of the node)`, zero where the loss does not depend on the node.
            probes: The candidates to evaluate, and the factor on each one's entry. Candidates that
                run are included with factor one. None stands for all candidates with factor one.

        Returns:
            `(edges, operations)`, zero for candidates that are not evaluated. The factors of
            sampled candidates make the mean over draws the exact gradient.
        """
        ...


def factor_of(probes: Probes | None, choice: Choice) -> float:
    """Return the factor on a candidate's entry in ∂L/∂A, 0 if it is not evaluated."""
    return 1.0 if probes is None else probes.get(choice, 0.0)


@dataclass(frozen=True)
class Relaxation:
    """The weights of all candidates for one forward pass.

    A space calls `mix` for each of its nodes, and does not know which strategy made the relaxation.
    A decision that is shared by several nodes (the cells of a network, the time steps of a
    recurrent network) is mixed several times, and its gradient is the sum over them.

    Attributes:
        weights: `(edges, operations)` for each decision, on the network's device. A discrete
            relaxation whose weights require a gradient gets it for *every* candidate.
        active: The candidates that run, on the host, so that no operation waits for a GPU.
        discrete: Whether the active candidates have weight one and all others weight zero.
        probes: For each decision, the inactive candidates that are evaluated for the gradient, and
            the factor on each one's gradient; None stands for all with factor one.
        collected: ∂L/∂node of each call of `mix`, for the decisions whose gradient is computed once
            for all calls (`repeated`).
    """

    weights: Mapping[str, Tensor]
    active: Mapping[str, tuple[Choice, ...]]
    discrete: bool
    probes: Mapping[str, Probes] | None = None
    collected: Mapping[str, "_Collected"] = field(default_factory=dict)

    @classmethod
    def dense(cls, weights: Mapping[str, Tensor]) -> Self:
        """Return a relaxation in which all candidates run, scaled by their weights (DARTS)."""
        active = {
            name: tuple((e, k) for e in range(w.shape[0]) for k in range(w.shape[1]))
            for name, w in weights.items()
        }
        return cls(weights, active, discrete=False)

    @classmethod
    def one_path(cls, projection: Mapping[str, Tensor], device: torch.device | str = "cpu") -> Self:
        """Return a relaxation in which only candidates of weight one run (NASP).

        Args:
            projection: The projection of each decision onto C1, `(edges, operations)`, on the host.
            device: The network's device.
        """
        active = {
            name: tuple((e, k) for e, row in enumerate(a.tolist()) for k, x in enumerate(row) if x)
            for name, a in projection.items()
        }
        return cls({name: a.to(device) for name, a in projection.items()}, active, discrete=True)

    def probed(self, fraction: float = 1.0, generator: torch.Generator | None = None) -> Self:
        """Return the same relaxation with weights that get a gradient, for all candidates.

        Args:
            fraction: Share of the inactive candidates that are evaluated. Below 1 their gradient is
                an unbiased estimate.
            generator: Draws the candidates to evaluate.
        """
        weights = {n: w.detach().requires_grad_() for n, w in self.weights.items()}
        if fraction == 1.0:
            return replace(self, weights=weights, collected={})
        probes = {}
        for name, w in weights.items():
            idle = [choice for choice in _choices(w.shape) if choice not in self.active[name]]
            count = min(len(idle), max(1, round(fraction * len(idle))))
            drawn = torch.randperm(len(idle), generator=generator)[:count].tolist()
            probes[name] = {idle[i]: len(idle) / count for i in drawn}
        return replace(self, weights=weights, probes=probes, collected={})

    def detached(self) -> Self:
        """Return the same relaxation with weights that get no gradient."""
        return replace(self, weights={n: w.detach() for n, w in self.weights.items()})

    def is_probed(self, name: str) -> bool:
        """Whether the backward pass will compute ∂L/∂A of a decision by a probe."""
        return self.discrete and self.weights[name].requires_grad and torch.is_grad_enabled()

    def repeated(self, probes: Mapping[str, Probe]) -> Self:
        """Return the same relaxation for one forward pass that mixes decisions many times.

        The backward pass of each `mix` then only stores ∂L/∂node. The probe is called once, with
        the gradients of all calls: one large product instead of many small ones.

        Args:
            probes: A probe for each such decision. For all other decisions `mix` computes the
                gradient at each call. A probe must not refer to a tensor that has a history.
        """
        weights, collected = dict(self.weights), {}
        for name, probe in probes.items():
            if self.is_probed(name):
                a = weights[name]
                collected[name] = _Collected(a.detach(), probe, self._asked(name))
                weights[name] = deferred(a, collected[name].find)
        return replace(self, weights=weights, collected=collected)

    def mix(
        self, name: str, run: Run, probe: Probe | None = None, total: Total | None = None
    ) -> Tensor:
        """Return the node's value, `Σ A[e,k] · run(e, k)` over the active candidates.

        Args:
            name: The decision's name.
            run: Evaluates a candidate; all candidates of a decision have the same output shape. It
                is called once for each active candidate. If the weights of a discrete relaxation
                need a gradient and no probe is given, the backward pass calls it, without
                autograd, for the inactive candidates, or for those in `probes`. So it must not
                refer to variables that a loop has changed by then: bind them as defaults.
            probe: Computes ∂L/∂A instead of those calls in the backward pass.
            total: Computes the sum of the active candidates of a discrete relaxation, where that
                takes fewer operations than one call of `run` for each.

        Returns:
            The node's value, in the shape of what `run` returns.
        """
        weights, active = self.weights[name], self.active[name]
        if not self.discrete:
            return _total(weights[e, k] * run(e, k) for e, k in active)
        outputs = {} if total is not None else {choice: run(*choice) for choice in active}
        value = _total(outputs.values()) if total is None else total(active)
        if not self.is_probed(name):
            return value
        if name in self.collected:
            find = self.collected[name].keep_next()
        else:
            if probe is None:
                known = {choice: output.detach() for choice, output in outputs.items()}
                probe = partial(_each, run, known, weights.shape)
            find = partial(probe, probes=self._asked(name))
        return _OnePath.apply(weights, value, find)  # type: ignore[no-any-return, no-untyped-call]

    def _asked(self, name: str) -> Probes | None:
        """Return the probes of a decision, including the active candidates."""
        if self.probes is None:
            return None
        return {**self.probes[name], **dict.fromkeys(self.active[name], 1.0)}


def _choices(shape: torch.Size) -> list[Choice]:
    edges, operations = shape
    return list(product(range(edges), range(operations)))


def _total(terms: Iterable[Tensor]) -> Tensor:
    first, *rest = terms
    for term in rest:
        first = first + term
    return first


def _each(
    run: Run,
    known: Mapping[Choice, Tensor],
    shape: torch.Size,
    gradient: Tensor,
    probes: Probes | None,
) -> Tensor:
    """The default `Probe`: evaluates one candidate at a time, in the memory of one output."""
    # Flattened in the gradient's memory layout, which most outputs share, nothing is copied.
    order = None
    if not gradient.is_contiguous():
        order = sorted(range(gradient.ndim), key=gradient.stride, reverse=True)
    exact = torch.promote_types(gradient.dtype, torch.float32)  # float16 is too coarse for the sum

    def flat(tensor: Tensor) -> Tensor:
        row = (tensor if order is None else tensor.permute(order)).reshape(-1)
        return row if row.dtype is exact else row.to(exact)

    direction = flat(gradient)
    inner = []
    for choice in _choices(shape):
        factor = factor_of(probes, choice)
        if factor == 0.0:
            inner.append(direction.new_zeros(()))
            continue
        output = known[choice] if choice in known else run(*choice)
        entry = torch.dot(direction, flat(output))
        inner.append(entry if factor == 1.0 else factor * entry)
    return torch.stack(inner).view(shape)


class _Collected:
    """∂L/∂node of each call of `mix` for one decision in one forward pass.

    Args:
        a: The decision's weights, without a history.
        probe: Called with the gradients of all calls.
        probes: Passed to the probe.
    """

    def __init__(self, a: Tensor, probe: Probe, probes: Probes | None) -> None:
        self._a, self._probe, self._probes = a, probe, probes
        self._calls = 0
        self._gradients: dict[int, Tensor] = {}  # by call; a later backward pass replaces them

    def keep_next(self) -> "_Find":
        """Return a function that stores ∂L/∂node of the next call."""
        self._calls += 1
        return partial(self._gradients.__setitem__, self._calls - 1)

    def find(self) -> Tensor:
        """Return ∂L/∂A, `(edges, operations)`."""
        if not self._gradients:
            return torch.zeros_like(self._a)
        zero = torch.zeros_like(next(iter(self._gradients.values())))
        gradients = torch.stack([self._gradients.get(i, zero) for i in range(self._calls)])
        self._gradients.clear()
        return self._probe(gradients, self._probes).to(self._a.dtype)


_Find = Callable[[Tensor], Tensor | None]  # ∂L/∂node -> ∂L/∂A, or None if it is computed later


class _OnePath(torch.autograd.Function):
    """Identity on the node's value, whose backward pass computes ∂L/∂A of every candidate.

    A candidate of weight zero passes no gradient to weights or inputs, so only its
    ∂L/∂A[e,k] = ⟨∂L/∂node, op_k(input_e)⟩ is needed. The candidate is evaluated without autograd
    in the backward pass, where ∂L/∂node is known, and its output is then freed.
    """

    @staticmethod
    def forward(ctx: Any, weights: Tensor, value: Tensor, find: _Find) -> Tensor:
        ctx.find, ctx.dtype = find, weights.dtype
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor, None]:
        refuse_second_derivatives()
        (grad,) = grads
        found = ctx.find(grad)
        return None if found is None else found.to(ctx.dtype), grad, None
