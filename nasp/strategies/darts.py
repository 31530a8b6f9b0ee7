"""DARTS, first and second order (Liu et al., ICLR 2019, arXiv 1806.09055)."""

from typing import Literal

import torch
from torch import Tensor

from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.core.step import frozen
from nasp.strategies.base import Loss, Strategy, StrategyOptions

Gradients = tuple[Tensor | None, ...]
FINITE_STEP = 0.01  # the paper's scale of the finite difference, divided by the gradient's norm


class DARTS(Strategy):
    """Every candidate runs at every step, weighted by the softmax of its edge's `A`.

    Args:
        space: What is searched.
        generator: Source of the start values of `A`.
        options: How the architecture is trained.
        order: 1 takes the weights as they are; 2 differentiates through one step of plain
            gradient descent on the training loss with the weights' learning rate ξ (eq. 6–7).
        hessian: How the second order gets its Hessian-vector product: `exact` by autograd, or the
            paper's `finite` difference (eq. 8).
    """

    def __init__(
        self,
        space: SearchSpace,
        generator: torch.Generator,
        options: StrategyOptions,
        order: Literal[1, 2] = 1,
        hessian: Literal["exact", "finite"] = "exact",
    ) -> None:
        super().__init__(space, generator, options)
        self.order, self.hessian = order, hessian

    def weight_relaxation(self) -> Relaxation:
        return self._relaxation().detached()

    def projection(self) -> dict[str, Tensor]:
        return self.architecture.projection(self._softmax())

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        if self.order == 1:
            with frozen(self.weights):
                loss = valid_loss(self._relaxation())
            gradients: Gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        elif self.hessian == "exact":
            loss, gradients = self._unrolled_exactly(train_loss, valid_loss)
        else:
            loss, gradients = self._unrolled_by_difference(train_loss, valid_loss)
        self._descend(gradients)
        return loss.detach()

    def _softmax(self) -> dict[str, Tensor]:
        return {name: a.softmax(dim=-1) for name, a in self.architecture.values().items()}

    def _relaxation(self) -> Relaxation:
        return Relaxation.dense(self._softmax())

    def _weights(self) -> dict[str, Tensor]:
        of_weights = {id(p) for p in self.weights}
        return {n: p for n, p in self.space.named_parameters() if id(p) in of_weights}

    def _step(
        self, weights: dict[str, Tensor], train_loss: Loss, *, differentiable: bool
    ) -> dict[str, Tensor]:
        """`w − ξ ∇_w L_train(w, A)`."""
        gradients = torch.autograd.grad(
            train_loss(self._relaxation(), weights),
            list(weights.values()),
            create_graph=differentiable,
            materialize_grads=True,
        )
        rate = self.options.weight_learning_rate
        return {n: w - rate * g for (n, w), g in zip(weights.items(), gradients, strict=True)}

    def _unrolled_exactly(self, train_loss: Loss, valid_loss: Loss) -> tuple[Tensor, Gradients]:
        ahead = self._step(self._weights(), train_loss, differentiable=True)
        loss = valid_loss(self._relaxation(), ahead)
        return loss, torch.autograd.grad(loss, self.parameters, allow_unused=True)

    def _unrolled_by_difference(
        self, train_loss: Loss, valid_loss: Loss
    ) -> tuple[Tensor, Gradients]:
        weights = {n: w.detach().requires_grad_() for n, w in self._weights().items()}
        ahead = self._step(weights, train_loss, differentiable=False)
        ahead = {n: w.detach().requires_grad_() for n, w in ahead.items()}
        loss = valid_loss(self._relaxation(), ahead)
        found = torch.autograd.grad(
            loss, [*self.parameters, *ahead.values()], materialize_grads=True
        )
        direct, vector = found[: len(self.parameters)], found[len(self.parameters) :]
        norm = torch.stack([v.square().sum() for v in vector]).sum().sqrt()
        step = FINITE_STEP / norm.clamp(min=torch.finfo(norm.dtype).tiny)

        def gradient(sign: float) -> tuple[Tensor, ...]:
            moved = {
                n: w.detach() + sign * step * v
                for (n, w), v in zip(weights.items(), vector, strict=True)
            }
            return torch.autograd.grad(
                train_loss(self._relaxation(), moved), self.parameters, materialize_grads=True
            )

        scale = self.options.weight_learning_rate / (2 * step)
        return loss, tuple(
            d - scale * (plus - minus)
            for d, plus, minus in zip(direct, gradient(1.0), gradient(-1.0), strict=True)
        )
