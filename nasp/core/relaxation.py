"""How one step presents the architecture to the network, and the exact one-path gradient."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

Choice = tuple[int, int]  # (edge, operation), positions in the decision's lists
Run = Callable[[int, int], Tensor]  # evaluates one candidate: (edge, operation) -> node-shaped


@dataclass(frozen=True)
class Relaxation:
    """The weights of all candidates for one forward pass.

    A space calls `mix` once for each decision; it never asks which strategy made the relaxation.

    Attributes:
        weights: `(edges, operations)` for each decision, on the network's device. A discrete
            relaxation whose weights require a gradient gets it for *every* candidate.
        active: The candidates that run, known on the host, so that no operation waits for a GPU.
        discrete: The active candidates have weight one and the others none.
    """

    weights: Mapping[str, Tensor]
    active: Mapping[str, tuple[Choice, ...]]
    discrete: bool

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

    def probed(self) -> Self:
        """The same relaxation with weights that get a gradient, for all candidates."""
        return replace(
            self, weights={n: w.detach().requires_grad_() for n, w in self.weights.items()}
        )

    def detached(self) -> Self:
        """The same relaxation with weights that get no gradient."""
        return replace(self, weights={n: w.detach() for n, w in self.weights.items()})

    def mix(self, name: str, run: Run) -> Tensor:
        """The node's value, `Σ A[e,k] · run(e, k)` over the active candidates.

        Args:
            name: The decision.
            run: Evaluates a candidate; all candidates of a decision have one output shape. It is
                called once for each active candidate, and, where the weights of a discrete
                relaxation need a gradient, once more for each of the others during the backward
                pass, without autograd.

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
        return _OnePath.apply(weights, value, run, {c: o.detach() for c, o in outputs.items()})  # type: ignore[no-any-return, no-untyped-call]


def _total(terms: Iterable[Tensor]) -> Tensor:
    first, *rest = terms
    for term in rest:
        first = first + term
    return first


class _OnePath(torch.autograd.Function):
    """Identity on the node's value; its backward pass finds ∂L/∂A of every candidate.

    A candidate of weight zero passes no gradient to weights or inputs, so that all that is needed
    of it is ∂L/∂A[e,k] = ⟨∂L/∂node, op_k(input_e)⟩. It is evaluated where ∂L/∂node is known, one
    candidate at a time, and dropped: memory stays that of one path and one output.
    """

    @staticmethod
    def forward(
        ctx: Any, weights: Tensor, value: Tensor, run: Run, outputs: dict[Choice, Tensor]
    ) -> Tensor:
        ctx.run, ctx.outputs = run, outputs
        ctx.shape, ctx.dtype = weights.shape, weights.dtype
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        (grad,) = grads
        edges, operations = ctx.shape

        def output(edge: int, operation: int) -> Tensor:
            known: Tensor | None = ctx.outputs.get((edge, operation))
            return ctx.run(edge, operation) if known is None else known

        with torch.no_grad():
            flat = grad.reshape(-1)
            inner = [
                torch.dot(flat, output(e, k).reshape(-1))
                for e in range(edges)
                for k in range(operations)
            ]
        return torch.stack(inner).view(ctx.shape).to(ctx.dtype), grad, None, None
