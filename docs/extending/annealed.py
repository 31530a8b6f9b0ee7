"""A strategy: DARTS with a temperature that falls over the epochs."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from nasp.cli.option_checks import check_positive
from nasp.core import Relaxation
from nasp.strategies import ONE_SHOT, GradientOptions, GradientStrategy, Loss
from nasp.training.optimization import differentiate, frozen


@dataclass(frozen=True)
class AnnealedOptions(GradientOptions):
    """Options of annealed DARTS.

    Attributes:
        temperature: Initial temperature of the softmax; it falls linearly to 1.
    """

    temperature: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "temperature")


class Annealed(GradientStrategy):
    """Runs all candidates at every step, weighted by the softmax of `A / temperature`."""

    Options: ClassVar[type[AnnealedOptions]] = AnnealedOptions
    start: ClassVar[tuple[float, float]] = (0.0, 1e-3)
    dense: ClassVar[bool] = True
    options: AnnealedOptions
    temperature: float = 1.0

    def begin_epoch(self, position: int, epochs: int) -> None:
        left = 1 - position / max(1, epochs - 1)
        self.temperature = 1 + (self.options.temperature - 1) * left

    def weight_relaxation(self) -> Relaxation:
        return self.softened().detached()

    def search_relaxation(self) -> Relaxation:
        return self.weight_relaxation()

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        with frozen(self.weights):
            loss = valid_loss(self.softened())
        self.descend(differentiate(loss, self.parameters))
        return loss.detach()

    def softened(self) -> Relaxation:
        """Return the relaxation at the temperature of this epoch."""
        scores = self.architecture.values().items()
        return Relaxation.dense({name: (a / self.temperature).softmax(-1) for name, a in scores})


ONE_SHOT.add("annealed", Annealed)
