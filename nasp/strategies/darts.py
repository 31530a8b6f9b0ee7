"""DARTS, first and second order (Liu et al., ICLR 2019, arXiv 1806.09055)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from nasp.core.errors import NaspError
from nasp.core.parallel import average, processes
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.core.step import differentiate, frozen
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

    Raises:
        NaspError: The exact second order is to run in several processes.
    """

    def __init__(
        self,
        space: SearchSpace,
        generator: torch.Generator,
        options: StrategyOptions,
        order: Literal[1, 2] = 1,
    ) -> None:
        super().__init__(space, generator, options)
        self.order = order
        if order == 2 and options.hessian == "exact" and processes() > 1:
            raise NaspError("the exact second order runs in one process: take hessian=finite")

    def weight_relaxation(self) -> Relaxation:
        return self._relaxation().detached()

    def projection(self) -> dict[str, Tensor]:
        return self.architecture.projection(self._softmax())

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        if self.order == 1:
            with frozen(self.weights):
                loss = valid_loss(self._relaxation())
            gradients: Gradients = differentiate(loss, self.parameters)
        elif self.options.hessian == "exact":
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

    def _ahead(self, weights: dict[str, Tensor], gradients: Sequence[Tensor]) -> dict[str, Tensor]:
        """`w − ξ ∇_w L_train(w, A)`."""
        rate = self.options.weight_learning_rate
        return {n: w - rate * g for (n, w), g in zip(weights.items(), gradients, strict=True)}

    def _unrolled_exactly(self, train_loss: Loss, valid_loss: Loss) -> tuple[Tensor, Gradients]:
        weights = self._weights()
        gradients = torch.autograd.grad(
            train_loss(self._relaxation(), weights),
            list(weights.values()),
            create_graph=True,
            materialize_grads=True,
        )
        ahead = self._ahead(weights, gradients)
        loss = valid_loss(self._relaxation(), ahead)
        return loss, differentiate(loss, self.parameters)

    def _unrolled_by_difference(
        self, train_loss: Loss, valid_loss: Loss
    ) -> tuple[Tensor, Gradients]:
        weights = {n: w.detach().requires_grad_() for n, w in self._weights().items()}
        ahead = self._ahead(
            weights, _all(train_loss(self._relaxation(), weights), list(weights.values()))
        )
        ahead = {n: w.detach().requires_grad_() for n, w in ahead.items()}
        loss = valid_loss(self._relaxation(), ahead)
        found = _all(loss, [*self.parameters, *ahead.values()])
        direct, vector = found[: len(self.parameters)], found[len(self.parameters) :]
        norm = torch.stack([v.square().sum() for v in vector]).sum().sqrt()
        step = FINITE_STEP / norm.clamp(min=torch.finfo(norm.dtype).tiny)

        def gradient(sign: float) -> tuple[Tensor, ...]:
            moved = {
                n: w.detach() + sign * step * v
                for (n, w), v in zip(weights.items(), vector, strict=True)
            }
            return _all(train_loss(self._relaxation(), moved), self.parameters)

        scale = self.options.weight_learning_rate / (2 * step)
        return loss, tuple(
            d - scale * (plus - minus)
            for d, plus, minus in zip(direct, gradient(1.0), gradient(-1.0), strict=True)
        )


def _all(loss: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """`differentiate`, with zeros for an input that the loss does not depend on."""
    gradients = torch.autograd.grad(loss, inputs, materialize_grads=True)
    average(gradients)
    return gradients
