"""How one step presents the architecture to the network, and the exact one-path gradient."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from nasp.core.deferred import deferred, refuse_second_derivatives

Choice = tuple[int, int]  # (edge, operation), positions in the decision's lists
Run = Callable[[int, int], Tensor]  # evaluates one candidate: (edge, operation) -> node-shaped
Probes = Mapping[Choice, float]  # which candidates are evaluated, and the factor on each


class Probe(Protocol):
    """Finds ∂L/∂A of one decision, whose entries are ⟨∂L/∂node, op_k(input_e)⟩.

    A space brings one where it can evaluate candidates together, in fewer and larger operations
    than one at a time. `Relaxation` calls it in the backward pass, where ∂L/∂node is known, under
    `torch.no_grad()`; nothing that it evaluates gets a gradient.
    """

    def __call__(self, gradient: Tensor, probes: Probes | None) -> Tensor:
        """∂L/∂A of the decision.

        Args:
            gradient: ∂L/∂node, in the node's shape. Of a decision that `Relaxation.repeated` was
                given a probe for, those of all calls of `Relaxation.mix`, in their order:
                `(calls, *shape of the node)`, zero where the loss does not depend on the node.
            probes: The candidates to evaluate and the factor on the entry of each. Those that run
                are among them, with factor one. All candidates, with factor one, if None.

        Returns:
            `(edges, operations)`, zero where nothing is to be evaluated. The factors of sampled
            candidates are such that the mean over the draws is the exact gradient.
        """
        ...


def factor_of(probes: Probes | None, choice: Choice) -> float:
    """The factor on a candidate's entry in ∂L/∂A, 0 if it is not to be evaluated."""
    return 1.0 if probes is None else probes.get(choice, 0.0)


@dataclass(frozen=True)
class Relaxation:
    """The weights of all candidates for one forward pass.

    A space calls `mix` for each of its nodes; it never asks which strategy made the relaxation. A
    decision that stands for several nodes (the cells of a network, the time steps of a recurrent
    one) is mixed several times, and its gradient is the sum over them.

    Attributes:
        weights: `(edges, operations)` for each decision, on the network's device. A discrete
            relaxation whose weights require a gradient gets it for *every* candidate.
        active: The candidates that run, known on the host, so that no operation waits for a GPU.
        discrete: The active candidates have weight one and the others none.
        probes: For each decision, which of the candidates that do not run are evaluated for the
            gradient, and the factor on it; all, with factor one, if None.
        collected: ∂L/∂node of each call of `mix`, for the decisions whose gradient is found once
            for all calls (`repeated`).
    """

    weights: Mapping[str, Tensor]
    active: Mapping[str, tuple[Choice, ...]]
    discrete: bool
    probes: Mapping[str, Probes] | None = None
    collected: Mapping[str, "_Collected"] = field(default_factory=dict)

    @classmethod
    def dense(cls, weights: Mapping[str, Tensor]) -> Self:
        """Every candidate runs under autograd, scaled by its weight (DARTS)."""
        active = {
            name: tuple((e, k) for e in range(w.shape[0]) for k in range(w.shape[1]))
            for name, w in weights.items()
        }
        return cls(weights, active, discrete=False)

    @classmethod
    def one_path(cls, projection: Mapping[str, Tensor], device: torch.device | str = "cpu") -> Self:
        """Only candidates of weight one run; the rest have weight zero (NASP).

        Args:
            projection: Projections onto C1, `(edges, operations)` each, on the host.
            device: The network's.
        """
        active = {
            name: tuple((e, k) for e, row in enumerate(a.tolist()) for k, x in enumerate(row) if x)
            for name, a in projection.items()
        }
        return cls({name: a.to(device) for name, a in projection.items()}, active, discrete=True)

    def probed(self, fraction: float = 1.0, generator: torch.Generator | None = None) -> Self:
        """The same relaxation with weights that get a gradient, for all candidates.

        Args:
            fraction: Share of the candidates that do not run which are evaluated; below 1 their
                gradient is a sample whose mean over the draws is the exact one.
            generator: Draws which.
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
        """The same relaxation with weights that get no gradient."""
        return replace(self, weights={n: w.detach() for n, w in self.weights.items()})

    def is_probed(self, name: str) -> bool:
        """Whether the backward pass will find ∂L/∂A of a decision by a probe."""
        return self.discrete and self.weights[name].requires_grad and torch.is_grad_enabled()

    def repeated(self, probes: Mapping[str, Probe]) -> Self:
        """The same relaxation for one forward pass in which decisions are mixed many times.

        The backward pass of each `mix` then only keeps ∂L/∂node, and the probe is called once,
        when those of all calls are known: one large product in place of many small ones.

        Args:
            probes: For each such decision, what takes the gradients of all calls; `mix` finds the
                gradient of the others at each call. A probe must hold no tensor that has a history.
        """
        weights, collected = dict(self.weights), {}
        for name, probe in probes.items():
            if self.is_probed(name):
                a = weights[name]
                collected[name] = _Collected(a.detach(), probe, self._asked(name))
                weights[name] = deferred(a, collected[name].find)
        return replace(self, weights=weights, collected=collected)

    def mix(self, name: str, run: Run, probe: Probe | None = None) -> Tensor:
        """The node's value, `Σ A[e,k] · run(e, k)` over the active candidates.

        Args:
            name: The decision.
            run: Evaluates a candidate; all candidates of a decision have one output shape. It is
                called once for each active candidate, and, where the weights of a discrete
                relaxation need a gradient and no probe is given, once more for each of the others
                (or those of `probes`) during the backward pass, without autograd.
            probe: Finds ∂L/∂A in place of those calls.

        Returns:
            The node's value, in the shape that `run` returns.
        """
        weights, active = self.weights[name], self.active[name]
        if not self.discrete:
            return _total(weights[e, k] * run(e, k) for e, k in active)
        outputs = {choice: run(*choice) for choice in active}
        value = _total(outputs.values())
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
        """The probes of a decision, the active candidates among them."""
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
    """The `Probe` of a space that brings none: one candidate at a time, in one output's memory."""
    # In the order of the gradient in memory, which the outputs mostly share, nothing is copied.
    order = None
    if not gradient.is_contiguous():
        order = sorted(range(gradient.ndim), key=gradient.stride, reverse=True)
    exact = torch.promote_types(gradient.dtype, torch.float32)  # a sum of halves loses digits

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
        probes: Passed on to it.
    """

    def __init__(self, a: Tensor, probe: Probe, probes: Probes | None) -> None:
        self._a, self._probe, self._probes = a, probe, probes
        self._calls = 0
        self._gradients: dict[int, Tensor] = {}  # by call; a later backward pass writes over them

    def keep_next(self) -> "_Find":
        """What keeps ∂L/∂node of the next call."""
        self._calls += 1
        return partial(self._gradients.__setitem__, self._calls - 1)

    def find(self) -> Tensor:
        """∂L/∂A, `(edges, operations)`."""
        if not self._gradients:
            return torch.zeros_like(self._a)
        zero = torch.zeros_like(next(iter(self._gradients.values())))
        gradients = torch.stack([self._gradients.get(i, zero) for i in range(self._calls)])
        self._gradients.clear()
        return self._probe(gradients, self._probes).to(self._a.dtype)


_Find = Callable[[Tensor], Tensor | None]  # ∂L/∂node -> ∂L/∂A, or None if it is found later


class _OnePath(torch.autograd.Function):
    """Identity on the node's value; its backward pass finds ∂L/∂A of every candidate.

    A candidate of weight zero passes no gradient to weights or inputs, so that all that is needed
    of it is ∂L/∂A[e,k] = ⟨∂L/∂node, op_k(input_e)⟩. It is evaluated where ∂L/∂node is known,
    without autograd, and dropped.
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
