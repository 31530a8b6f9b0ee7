"""BayesNAS: switches with a hierarchical prior (Zhou et al., ICML 2019, arXiv 1905.04919)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from nasp.cli.option_checks import check_positive
from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError
from nasp.runs.process import processes
from nasp.strategies.base import Loss
from nasp.strategies.darts import Gradients
from nasp.strategies.edge_weights import EdgeWeighted
from nasp.strategies.gradient import GradientOptions
from nasp.training.optimization import differentiate, frozen

LEAST = 1e-3  # of ω; without it a switch on which the loss does not depend would have no end


@dataclass(frozen=True)
class BayesNASOptions(GradientOptions):
    """Options of BayesNAS.

    Attributes:
        edge_sparsity: Weight λ_o of the penalty on the switches of the edges.
        operation_sparsity: Weight λ_c of the penalty on the switches of the operations.
    """

    betas: tuple[float, float] = (0.5, 0.999)
    edge_sparsity: float = 0.01
    operation_sparsity: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "edge_sparsity", "operation_sparsity")


class BayesNAS(EdgeWeighted):
    """Runs all candidates, weighted by the switches of edge and operation, and keeps by variance.

    A candidate's weight is `s_e · s_ek`; `A` holds the switches `s_ek`. They minimise the
    validation loss plus `λ_o Σ ω_e |s_e| + λ_c Σ ω_ek |s_ek|`. The prior variance of a switch is
    `γ = |s| / ω`, and that of an operation includes its edge's: `1 / (1/γ_ek + 1/γ_e)`. The answer
    keeps the operations and edges of the largest variances. `none`, which the paper's networks do
    not have, adds nothing whatever its switch is: its variance is 0, and it is not kept.

    Once in an epoch, before its first step of `A`, ω is computed anew from the curvature H of the
    loss: `C = (1/γ + H/λ)⁻¹` and `ω = √|1/γ − C/γ²|` (Algorithm 1). H is the exact diagonal of the
    Hessian of one validation batch, by one second backward pass for each candidate, where the paper
    approximates it layer by layer. |H| is used, so that C is positive.

    Raises:
        NaspError: It is used in several processes.
    """

    Options: ClassVar[type[BayesNASOptions]] = BayesNASOptions
    start: ClassVar[tuple[float, float]] = (0.5, 0.0)
    edge_start: ClassVar[tuple[float, float]] = (1.0, 0.0)
    options: BayesNASOptions

    def prepare(self) -> None:
        if processes() > 1:
            raise NaspError(
                "bayesnas needs second derivatives, which run in one process: take another "
                "strategy, or one process"
            )
        super().prepare()
        self._due = True
        # ω of the operations `(edges, operations)`, and of the edges `(edges, 1)`
        self._omega = {n: torch.ones_like(a.detach()) for n, a in self._switches().items()}
        self._edge_omega = {n: torch.ones_like(s.detach()) for n, s in self.edges.items()}

    def begin_epoch(self, position: int, epochs: int) -> None:
        self._due = True

    def projection(self) -> dict[str, Tensor]:
        return self.architecture.projection(self.variances())

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        if self._due:
            self._estimate(*self._curvatures(valid_loss))
            self._due = False
        return super().architecture_step(train_loss, valid_loss)

    @torch.no_grad()
    def variances(self) -> dict[str, Tensor]:
        """Return γ of the operations of each decision, `(edges, operations)`."""
        found = {}
        for decision in self.space.decisions:
            name = decision.name
            own = _inverse(self._switches()[name].abs() / self._omega[name])
            found[name] = 1 / (own + _inverse(self._edge_variance(name)))
            if "none" in decision.operations:
                found[name][:, decision.operations.index("none")] = 0.0
        return found

    def state_dict(self) -> dict[str, Any]:
        omega = {"omega": dict(self._omega), "edge_omega": dict(self._edge_omega)}
        return {**super().state_dict(), **omega}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        for own, saved in (
            (self._omega, state["omega"]),
            (self._edge_omega, state["edge_omega"]),
        ):
            for name, values in own.items():
                values.copy_(saved[name])

    def _differentiated(self, train_loss: Loss, valid_loss: Loss) -> tuple[Tensor, Gradients]:
        with frozen(self.weights):
            loss = valid_loss(self._relaxation())
        return loss, differentiate(loss + self._penalty(), self.parameters)

    def _penalty(self) -> Tensor:
        """Return `λ_o Σ ω_e |s_e| + λ_c Σ ω_ek |s_ek|`, a scalar."""
        options, terms = self.options, []
        for name, switches in self._switches().items():
            terms.append(options.operation_sparsity * (self._omega[name] * switches.abs()).sum())
            edges = self._edge_omega[name] * self.edges[name].abs()
            terms.append(options.edge_sparsity * edges.sum())
        return torch.stack(terms).sum()

    @torch.no_grad()
    def _estimate(self, of_edges: dict[str, Tensor], of_operations: dict[str, Tensor]) -> None:
        """Compute ω from the curvature of the loss in the switches, in their shapes."""
        options, variances = self.options, self.variances()
        for name, variance in variances.items():
            h = of_edges[name].abs() / options.edge_sparsity
            self._edge_omega[name].copy_(_omega(self._edge_variance(name), h))
            h = of_operations[name].abs() / options.operation_sparsity
            self._omega[name].copy_(_omega(variance, h))

    def _curvatures(self, valid_loss: Loss) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the second derivatives of the loss with respect to the switches.

        Those with respect to the candidates' weights `w = s_e · s_ek` give both: `s_e² · H_kk` for
        an operation, and the sum of `s_ek · H_kl · s_el` over an edge's operations for the edge.

        Returns:
            Those of the edges, `(edges, 1)`, and of the operations, `(edges, operations)`.
        """
        weights = {n: w.detach().requires_grad_() for n, w in self._means().items()}
        with frozen(self.weights):
            loss = valid_loss(Relaxation.dense(weights))
            gradients = torch.autograd.grad(
                loss, list(weights.values()), create_graph=True, materialize_grads=True
            )
        of_edges, of_operations = {}, {}
        for (name, w), gradient in zip(weights.items(), gradients, strict=True):
            switches, edges = self._switches()[name].detach(), self.edges[name].detach()
            # (edges, operations, operations): the derivatives of an edge's operations
            blocks = torch.stack(
                [
                    torch.stack([_derivatives(entry, w)[e] for entry in row])
                    for e, row in enumerate(gradient)
                ]
            )
            of_operations[name] = edges.square() * blocks.diagonal(dim1=1, dim2=2)
            of_edges[name] = torch.einsum("ek,ekl,el->e", switches, blocks, switches)[:, None]
        return of_edges, of_operations

    def _switches(self) -> dict[str, Tensor]:
        return self.architecture.values()

    def _edge_variance(self, name: str) -> Tensor:
        size: Tensor = self.edges[name].detach().abs()
        return size / self._edge_omega[name]

    def _means(self) -> dict[str, Tensor]:
        return {n: self.edges[n] * switches for n, switches in self._switches().items()}


def _derivatives(entry: Tensor, w: Tensor) -> Tensor:
    """Return the derivatives of an entry of a gradient, in the shape of `w`."""
    if not entry.requires_grad:  # the loss is linear
        return torch.zeros_like(w)
    found: Tensor = torch.autograd.grad(entry, w, retain_graph=True, materialize_grads=True)[0]
    return found


def _omega(variance: Tensor, h: Tensor) -> Tensor:
    """Return `√(1/γ − C/γ²)` with `C = 1 / (1/γ + h)`, in a form that holds for γ = 0."""
    squared: Tensor = h / (1 + variance * h)
    return squared.sqrt().clamp(min=LEAST)


def _inverse(variance: Tensor) -> Tensor:
    return variance.clamp(min=torch.finfo(variance.dtype).tiny).reciprocal()
