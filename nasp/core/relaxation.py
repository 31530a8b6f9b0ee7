"""How one step presents the architecture to the network, and the exact one-path gradient."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, Self

import torch
from torch import Tensor

Choice = tuple[int, int]  # (edge, operation), positions in the decision's lists
Run = Callable[[int, int], Tensor]  # evaluates one candidate: (edge, operation) -> node-shaped
Probe = Callable[[Tensor], Tensor]  # ∂L/∂node -> ∂L/∂A, (edges, operations)


@dataclass(frozen=True)
class Relaxation:
    """The weights of all candidates for one forward pass.

    A space calls `mix` once for each decision; it never asks which strategy made the relaxation.

    Attributes:
        weights: `(edges, operations)` for each decision, on the network's device. A discrete
            relaxation whose weights require a gradient gets it for *every* candidate.
        active: The candidates that run, known on the host, so that no operation waits for a GPU.
        discrete: The active candidates have weight one and the others none.
        probes: For each decision, which of the candidates that do not run are evaluated for the
            gradient, and the factor on it; all, with factor one, if None.
    """

    weights: Mapping[str, Tensor]
    active: Mapping[str, tuple[Choice, ...]]
    discrete: bool
    probes: Mapping[str, Mapping[Choice, float]] | None = None

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
            return replace(self, weights=weights)
        probes = {}
        for name, w in weights.items():
            idle = [choice for choice in _choices(w.shape) if choice not in self.active[name]]
            count = min(len(idle), max(1, round(fraction * len(idle))))
            drawn = torch.randperm(len(idle), generator=generator)[:count].tolist()
            probes[name] = {idle[i]: len(idle) / count for i in drawn}
        return replace(self, weights=weights, probes=probes)

    def detached(self) -> Self:
        """The same relaxation with weights that get no gradient."""
        return replace(self, weights={n: w.detach() for n, w in self.weights.items()})

    def mix(self, name: str, run: Run, probe: Probe | None = None) -> Tensor:
        """The node's value, `Σ A[e,k] · run(e, k)` over the active candidates.

        Args:
            name: The decision.
            run: Evaluates a candidate; all candidates of a decision have one output shape. It is
                called once for each active candidate, and, where the weights of a discrete
                relaxation need a gradient, once more for each of the others (or those of `probes`)
                during the backward pass, without autograd.
            probe: Finds ⟨∂L/∂node, candidate⟩ of all candidates together, in place of those calls,
                where a space can do that in fewer and larger kernels; it knows no `probes`.

        Returns:
            The node's value, in the shape that `run` returns.
        """
        weights, active = self.weights[name], self.active[name]
        if not self.discrete:
            return _total(weights[e, k] * run(e, k) for e, k in active)
        outputs = {choice: run(*choice) for choice in active}
        value = _total(outputs.values())
        if not weights.requires_grad:
            return value
        if probe is None:
            known = {choice: output.detach() for choice, output in outputs.items()}
            factors = None if self.probes is None else self.probes[name]
            probe = partial(_each, run, known, factors, weights.shape)
        return _OnePath.apply(weights, value, probe)  # type: ignore[no-any-return, no-untyped-call]


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
    factors: Mapping[Choice, float] | None,
    shape: torch.Size,
    gradient: Tensor,
) -> Tensor:
    """⟨∂L/∂node, candidate⟩, one candidate at a time: memory stays that of one output."""
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
        if choice in known:
            inner.append(torch.dot(direction, flat(known[choice])))
        elif factors is None:
            inner.append(torch.dot(direction, flat(run(*choice))))
        elif choice in factors:
            inner.append(factors[choice] * torch.dot(direction, flat(run(*choice))))
        else:
            inner.append(direction.new_zeros(()))
    return torch.stack(inner).view(shape)


class _OnePath(torch.autograd.Function):
    """Identity on the node's value; its backward pass finds ∂L/∂A of every candidate.

    A candidate of weight zero passes no gradient to weights or inputs, so that all that is needed
    of it is ∂L/∂A[e,k] = ⟨∂L/∂node, op_k(input_e)⟩. It is evaluated where ∂L/∂node is known,
    without autograd, and dropped.
    """

    @staticmethod
    def forward(ctx: Any, weights: Tensor, value: Tensor, probe: Probe) -> Tensor:
        ctx.probe, ctx.dtype = probe, weights.dtype
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        (grad,) = grads
        with torch.no_grad():
            return ctx.probe(grad).to(ctx.dtype), grad, None
