"""GDAS: one sampled operation on each edge (Dong & Yang, CVPR 2019, arXiv 1910.04465)."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from nasp.core.relaxation import Relaxation
from nasp.strategies.base import Loss
from nasp.strategies.concrete import best_of_edges, check_range, gumbel, progress
from nasp.strategies.darts import DARTS, Gradients
from nasp.strategies.gradient import GradientOptions
from nasp.training.optimization import differentiate, frozen


@dataclass(frozen=True)
class GDASOptions(GradientOptions):
    """Options of GDAS. The defaults are those of the authors' code.

    Attributes:
        temperature: Temperature τ of the softmax in the first epoch and in the last one; it falls
            linearly.
    """

    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 1e-3
    temperature: tuple[float, float] = (10.0, 0.1)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("temperature", self.temperature)


class GDAS(DARTS):
    """Runs one operation on each edge, drawn anew for each step of weights and of architecture.

    With Gumbel noise g the drawn operations are `h = one_hot(argmax(log_softmax A + g))`. In place
    of their gradient stands that of `p = softmax((log_softmax A + g) / τ)`. Only drawn operations
    run, so the gradient with respect to `h` is zero for all others.

    The answer keeps the best operation of the best edges of each node.
    """

    Options: ClassVar[type[GDASOptions]] = GDASOptions
    answer: ClassVar[Literal["best", "last"]] = "best"
    options: GDASOptions

    def prepare(self) -> None:
        super().prepare()
        self.temperature = self.options.temperature[0]

    def begin_epoch(self, position: int, epochs: int) -> None:
        first, last = self.options.temperature
        self.temperature = first + (last - first) * progress(position, epochs)

    def weight_relaxation(self) -> Relaxation:
        return Relaxation.one_path(self._draw()[0], self.device)

    def search_relaxation(self) -> Relaxation:
        """Return the network of the most probable operation of each edge."""
        likely = {name: best_of_edges(a) for name, a in self.architecture.values().items()}
        return Relaxation.one_path(likely, self.device)

    def _differentiated(self, train_loss: Loss, valid_loss: Loss) -> tuple[Tensor, Gradients]:
        drawn, soft = self._draw()
        path = Relaxation.one_path(drawn, self.device).probed()
        path = replace(path, probes={name: {} for name in drawn})  # what is not drawn is not run
        with frozen(self.weights):
            loss = valid_loss(path)
        found = differentiate(loss, [*path.weights.values(), *self.space.architecture()])
        of_drawn = [
            torch.zeros_like(p) if gradient is None else gradient
            for p, gradient in zip(soft.values(), found, strict=False)
        ]
        of_weights = torch.autograd.grad(
            list(soft.values()), list(self.architecture.values().values()), of_drawn
        )
        return loss, (*of_weights, *found[len(drawn) :])

    def _draw(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Draw an operation for each edge.

        Returns:
            Of each decision `h` on the host, and `p` on the device with a history, both
            `(edges, operations)`.
        """
        drawn, soft = {}, {}
        for name, a in self.architecture.values().items():
            logits = a.log_softmax(dim=-1) + gumbel(a, self.generator)
            soft[name] = (logits / self.temperature).softmax(dim=-1)
            drawn[name] = best_of_edges(logits)
        return drawn, soft
