"""ENAS: a recurrent controller that draws paths of shared weights (Pham et al., ICML 2018)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from nasp.cli.option_checks import WIDE, check_at_most, check_not_negative, check_positive
from nasp.core.controller import Controller, Walk
from nasp.core.genotype import Choices
from nasp.strategies.base import Loss
from nasp.strategies.paths import PathOptions, PathStrategy
from nasp.training.optimization import Adam

MOST_SAMPLES = 1000


@dataclass(frozen=True)
class ENASOptions(PathOptions):
    """Options of ENAS. The defaults are those of the paper for CNN cells.

    Attributes:
        learning_rate: Adam's step size for the controller.
        units: Size of the controller's LSTM.
        temperature: Divides the controller's logits x.
        clip: Bound of the logits, `clip · tanh(x / temperature)`.
        samples: Number of paths of a step of the controller.
        entropy_weight: Weight of the entropy of a draw in the reward.
        baseline_decay: Decay rate of the moving average of the rewards.
    """

    learning_rate: float = 3.5e-3
    units: int = 64
    temperature: float = 5.0
    clip: float = 1.1
    samples: int = 1
    entropy_weight: float = 1e-4
    baseline_decay: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "learning_rate", "units", "temperature", "clip", "samples")
        check_at_most(self, WIDE, "units")
        check_at_most(self, MOST_SAMPLES, "samples")
        check_not_negative(self, "entropy_weight")
        check_not_negative(self, "baseline_decay", below=1.0)


class ENAS(PathStrategy):
    """Trains a controller by REINFORCE on the losses of the paths that it draws.

    The reward of a path is minus its loss for one validation batch: in a language model the
    logarithm of the paper's reward, which is a constant over the perplexity; for images the paper
    takes the accuracy. A weighted entropy of the draw is added, and a moving average of the rewards
    is subtracted, which starts at the first reward.

    The paper trains the weights for an epoch and then the controller for many steps. Here a step
    of the controller precedes each step of the weights, so both get as many steps in an epoch. The
    answer picks what is most probable at each step of the controller, where the paper draws some
    architectures and takes the best by validation: the search compares the answers of its epochs.
    """

    Options: ClassVar[type[ENASOptions]] = ENASOptions
    options: ENASOptions

    def prepare(self) -> None:
        super().prepare()
        options = self.options
        self.controller = Controller(
            self.decisions, self.generator, options.units, options.temperature, options.clip
        )
        parameters = list(self.controller.parameters())
        self.controller_optimizer = Adam(parameters, lr=options.learning_rate, fused=True)
        self.baseline: float | None = None
        self.worst: float | None = None  # the largest loss so far
        self._answer: Walk | None = None

    @torch.no_grad()
    def draw(self) -> Choices:
        return self.controller.draw(self.generator).choices

    def likeliest(self) -> Choices:
        return self._likeliest().choices

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        walks = [self.controller.draw(self.generator) for _ in range(self.options.samples)]
        losses = self.losses([walk.choices for walk in walks], valid_loss)
        terms = [
            -self.advantage(loss, float(walk.entropy.detach())) * walk.log_probability
            for walk, loss in zip(walks, losses.tolist(), strict=True)
        ]
        parameters = list(self.controller.parameters())
        found = torch.autograd.grad(torch.stack(terms).mean(), parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, found, strict=True):
            parameter.grad = gradient
        self.controller_optimizer.step()
        self._answer = None
        return losses.mean().to(self.device)

    def advantage(self, loss: float, entropy: float) -> float:
        """Return the reward of a path less the average, which follows it first.

        A loss that is not finite counts as the largest one so far.

        Args:
            loss: Loss of the path.
            entropy: Entropy of the draw, in nats.
        """
        if not math.isfinite(loss):
            if self.worst is None:
                return 0.0
            loss = self.worst
        self.worst = loss if self.worst is None else max(loss, self.worst)
        reward = self.options.entropy_weight * entropy - loss
        before = reward if self.baseline is None else self.baseline
        decay = self.options.baseline_decay
        self.baseline = decay * before + (1 - decay) * reward
        return reward - self.baseline

    def probabilities(self) -> Mapping[str, Tensor]:
        """Return the probabilities on the way to the answer, see `nasp.core.controller.Walk`."""
        return self._likeliest().scores

    def start_from(self, choices: Choices, margin: float = 0.01) -> None:
        """Start from an architecture: raise its logits, see `Controller.start_from`."""
        self.controller.start_from(choices, margin)
        self._answer = None

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {
            "controller": self.controller.state_dict(),
            "controller_optimizer": self.controller_optimizer.state_dict(),
            "baseline": self.baseline,
            "worst": self.worst,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.controller.load_state_dict(state["controller"])
        self.controller_optimizer.load_state_dict(state["controller_optimizer"])
        self.baseline, self.worst = state["baseline"], state["worst"]
        self._answer = None

    def _likeliest(self) -> Walk:
        if self._answer is None:
            self._answer = self.controller.likeliest()
        return self._answer
