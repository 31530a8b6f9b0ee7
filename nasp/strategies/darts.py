"""DARTS, first and second order (Liu et al., ICLR 2019, arXiv 1806.09055)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError
from nasp.runs.process import processes
from nasp.strategies.base import Loss
from nasp.strategies.gradient import GradientOptions, GradientStrategy
from nasp.training.optimization import WeightStep, differentiate, frozen
from nasp.training.parallel import mean_over_processes

Gradients = tuple[Tensor | None, ...]
FINITE_STEP = 0.01  # numerator of the finite difference's step; the gradient's norm divides it


class DARTS(GradientStrategy):
    """Runs all candidates at every step, weighted by the softmax over each edge's `A`.

    The gradient of the architecture ignores the next step of the weights (first order).
    """

    start: ClassVar[tuple[float, float]] = (0.0, 1e-3)
    dense: ClassVar[bool] = True
    # Weights that were trained in a mixture say little about its discrete network.
    answer: ClassVar[Literal["best", "last"]] = "last"

    def weight_relaxation(self) -> Relaxation:
        return self._relaxation().detached()

    def projection(self) -> dict[str, Tensor]:
        return self.architecture.projection(self._means())

    def search_relaxation(self) -> Relaxation:
        return Relaxation.dense(self._means()).detached()

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        loss, gradients = self._differentiated(train_loss, valid_loss)
        self.descend(gradients)
        return loss.detach()

    def _differentiated(self, train_loss: Loss, valid_loss: Loss) -> tuple[Tensor, Gradients]:
        """Return the validation loss and its gradient with respect to the architecture."""
        with frozen(self.weights):
            loss = valid_loss(self._relaxation())
        return loss, differentiate(loss, self.parameters)

    def _means(self) -> dict[str, Tensor]:
        """Return the weights of the candidates; their means, in strategies that draw weights."""
        return {name: a.softmax(dim=-1) for name, a in self.architecture.values().items()}

    def _relaxation(self) -> Relaxation:
        return Relaxation.dense(self._means())


@dataclass(frozen=True)
class SecondOrderOptions(GradientOptions):
    """Options of second-order DARTS.

    Attributes:
        hessian: How the Hessian-vector product is computed: `exact` by autograd, or `finite` by
            the paper's finite difference (eq. 8), which needs far less memory.
    """

    hessian: Literal["exact", "finite"] = "exact"


class SecondOrderDARTS(DARTS):
    """Minimises the validation loss after the next step of the weights (eq. 6–7).

    That step includes learning rate, clipping, weight decay and momentum; see
    `nasp.training.optimization.WeightStep`.

    Args:
        space: The search space.
        generator: Draws the initial values of `A`.
        options: The options.
        weight_step: The next step of the weights.

    Raises:
        ValueError: `weight_step` is None.
        NaspError: The exact second order is used in several processes.
    """

    Options: ClassVar[type[SecondOrderOptions]] = SecondOrderOptions
    options: SecondOrderOptions
    weight_step: WeightStep

    def prepare(self) -> None:
        if self.weight_step is None:
            raise ValueError("the second order needs weight_step, the next step of the weights")
        super().prepare()
        if self.options.hessian == "exact" and processes() > 1:
            raise NaspError("the exact second order runs in one process: take hessian=finite")

    def _differentiated(self, train_loss: Loss, valid_loss: Loss) -> tuple[Tensor, Gradients]:
        exact = self.options.hessian == "exact"
        return (self._exactly if exact else self._by_difference)(train_loss, valid_loss)

    def _weights(self) -> dict[str, nn.Parameter]:
        of_weights = {id(p) for p in self.weights}
        return {n: p for n, p in self.space.named_parameters() if id(p) in of_weights}

    def _ahead(
        self, weights: dict[str, Tensor], gradients: Sequence[Tensor]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return the weights after their next step, and the factor that clips their gradient."""
        scale = self.weight_step.scale(gradients)
        parameters = list(self._weights().values())
        steps = [scale * gradient for gradient in gradients]
        ahead = self.weight_step.ahead(parameters, list(weights.values()), steps)
        return dict(zip(weights, ahead, strict=True)), scale

    def _exactly(self, train_loss: Loss, valid_loss: Loss) -> tuple[Tensor, Gradients]:
        weights: dict[str, Tensor] = {**self._weights()}
        gradients = torch.autograd.grad(
            train_loss(self._relaxation(), weights),
            list(weights.values()),
            create_graph=True,
            materialize_grads=True,
        )
        ahead, _ = self._ahead(weights, gradients)
        loss = valid_loss(self._relaxation(), ahead)
        return loss, differentiate(loss, self.parameters)

    def _by_difference(self, train_loss: Loss, valid_loss: Loss) -> tuple[Tensor, Gradients]:
        parameters = self._weights()
        weights = {n: w.detach().requires_grad_() for n, w in parameters.items()}
        ahead, scale = self._ahead(
            weights, _all(train_loss(self._relaxation(), weights), list(weights.values()))
        )
        ahead = {n: w.detach().requires_grad_() for n, w in ahead.items()}
        loss = valid_loss(self._relaxation(), ahead)
        found = _all(loss, [*self.parameters, *ahead.values()])
        direct, by_weights = found[: len(self.parameters)], found[len(self.parameters) :]
        rates = self.weight_step.rates(list(parameters.values()))
        vector = [rate * v for rate, v in zip(rates, by_weights, strict=True)]
        norm = torch.stack([v.square().sum() for v in vector]).sum().sqrt()
        step = FINITE_STEP / norm.clamp(min=torch.finfo(norm.dtype).tiny)

        def gradient(sign: float) -> tuple[Tensor, ...]:
            moved = {
                n: w.detach() + sign * step * v
                for (n, w), v in zip(weights.items(), vector, strict=True)
            }
            return _all(train_loss(self._relaxation(), moved), self.parameters)

        share = scale / (2 * step)
        return loss, tuple(
            d - share * (plus - minus)
            for d, plus, minus in zip(direct, gradient(1.0), gradient(-1.0), strict=True)
        )


def _all(loss: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Call `differentiate`, and return zeros for inputs that the loss does not depend on."""
    gradients = torch.autograd.grad(loss, inputs, materialize_grads=True)
    mean_over_processes(gradients)
    return gradients
