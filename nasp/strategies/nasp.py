"""NASP: neural architecture search by proximal iterations (arXiv 1905.13577, Algorithm 2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from nasp.cli.option_checks import check_not_negative, check_one_of, check_positive
from nasp.core.genotype import Choices, projection_of
from nasp.core.relaxation import Relaxation
from nasp.errors import Diverged, NaspError
from nasp.samplers.limits import even_path
from nasp.strategies.base import Loss
from nasp.strategies.concrete import progress
from nasp.strategies.gradient import GradientOptions, GradientStrategy
from nasp.training.optimization import differentiate, frozen
from nasp.training.parallel import mean_over_processes

EPSILON = 1e-12  # of the root mean square


class Moments:
    """Moving averages of the gradients of decisions, and of their mean squares in a decision.

    Args:
        like: A tensor of the gradient's shape for each decision.
    """

    def __init__(self, like: Mapping[str, Tensor]) -> None:
        # In float64, which holds the squares of all gradients in float32.
        self.mean = {name: torch.zeros_like(a.detach()).double() for name, a in like.items()}
        self.square = {name: mean.new_zeros(()) for name, mean in self.mean.items()}
        self.steps = dict.fromkeys(like, 0)

    def follow(self, name: str, gradient: Tensor, betas: tuple[float, float]) -> Tensor:
        """Return the mean gradient over the root mean square, after a further gradient, in float64.

        Both averages are corrected for their start at zero, as in Adam.

        Args:
            name: The decision.
            gradient: Its gradient, `(edges, operations)`.
            betas: Decay rates of both averages.
        """
        gradient = gradient.double()
        self.steps[name] += 1
        self.mean[name].lerp_(gradient, 1 - betas[0])
        self.square[name].lerp_(gradient.square().mean(), 1 - betas[1])
        corrected = [1 - beta ** self.steps[name] for beta in betas]
        root = (self.square[name] / corrected[1]).sqrt() + EPSILON
        return self.mean[name] / corrected[0] / root

    def state_dict(self) -> dict[str, Any]:
        """Return the averages and the number of gradients of each decision."""
        return {"mean": self.mean, "square": self.square, "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        for name, steps in state["steps"].items():
            self.mean[name].copy_(state["mean"][name])
            self.square[name].copy_(state["square"][name])
            self.steps[name] = steps


@dataclass(frozen=True)
class NASPOptions(GradientOptions):
    """Options of NASP.

    Attributes:
        scale: What the step of `A` is scaled by. decision: the root mean square of a decision's
            gradients, relative to those of its kept candidates, so that the step is proportional
            to what each candidate in place of a kept one does to the loss. weight: the root mean
            square of each weight's own gradient (Adam, as in the authors' code), which loses these
            differences.
        margin: A candidate takes the place of a kept one when its weight in `A` exceeds the other's
            by this, in units of `learning_rate`: by about so many steps. 0, as in the paper,
            replaces the kept one at once, so that the path may change at every step.
        eta: Weight η of the complexity regulariser, which favours operations with few parameters.
        regularizer: Where the regulariser acts. point: its gradient at the discrete architecture,
            which is zero for all candidates but the kept ones, is added to that of the loss (the
            paper). proximal: its proximal step of size ε η is taken on the continuous `A` after the
            step of the loss, and shrinks all candidates by their numbers of parameters.
        probe_fraction: Share of the inactive candidates that a step evaluates, drawn anew at each
            step. Below 1 the gradient is an unbiased estimate.
        explore: Share of the steps of the weights in the first epoch that train a path which is
            drawn evenly, in place of the kept one. It falls linearly to 0 in the last epoch. With
            0, as in the paper, the weights of a candidate only learn while it is kept.
        confirm: Whether the path changes only if that lowers the loss of the validation batch,
            which is then computed once more. Otherwise the candidates that would have come in have
            to earn their lead again.
    """

    scale: Literal["decision", "weight"] = "decision"
    margin: float = 3.0
    eta: float = 0.0
    regularizer: Literal["point", "proximal"] = "point"
    probe_fraction: float = 1.0
    explore: float = 0.0
    confirm: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_one_of(self, "scale", ("decision", "weight"))
        check_one_of(self, "regularizer", ("point", "proximal"))
        check_not_negative(self, "margin", "eta", "explore")
        check_positive(self, "probe_fraction")
        for name in ("probe_fraction", "explore"):
            if (value := getattr(self, name)) > 1:
                raise NaspError(f"{name} is {value}; it must be at most 1")


class NASP(GradientStrategy):
    """Trains a discrete network at every step: one path runs, never the whole supernet.

    `Ā = prox_C1(A)`; `A ← prox_C2(A − ε ∇_Ā [L_val(w, Ā) + η R(Ā)])`; then the weights take a step
    at the new `prox_C1(A)`. The gradient at the discrete point is exact for all candidates, and
    costs one evaluation of each (`nasp.core.relaxation`).
    """

    Options: ClassVar[type[NASPOptions]] = NASPOptions
    options: NASPOptions

    def prepare(self) -> None:
        super().prepare()
        self.moments = Moments(self.architecture.values())
        self.explored = self.options.explore
        self._keep(self.architecture.projection())

    @classmethod
    def follows_epochs(cls, options: NASPOptions) -> bool:
        return options.explore > 0

    def begin_epoch(self, position: int, epochs: int) -> None:
        self.explored = self.options.explore * (1 - progress(position, epochs))

    def weight_relaxation(self) -> Relaxation:
        if self.explored and float(torch.rand((), generator=self.generator)) < self.explored:
            return even_path(self.space, self.generator, self.device)
        return self._path

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        options = self.options
        point = self._path.probed(options.probe_fraction, self.generator)
        with frozen(self.weights):
            loss = valid_loss(point)
        objective = loss
        if options.eta and options.regularizer == "point":
            objective = loss + options.eta * self.architecture.complexity(point.weights)
        inputs = [*point.weights.values(), *self.space.architecture()]
        gradients = differentiate(objective, inputs)
        if options.scale == "decision":
            count = len(point.weights)
            self._step_by_decision(dict(zip(point.weights, gradients[:count], strict=True)))
            gradients = (*(None for _ in range(count)), *gradients[count:])
        self.descend(gradients)
        if options.eta and options.regularizer == "proximal":
            self.architecture.shrink(options.learning_rate * options.eta)
        self.architecture.clip()
        try:
            lead = options.margin * options.learning_rate
            projected = self.architecture.projection(kept=self._kept, margin=lead)
        except Diverged as error:
            if torch.isfinite(loss):
                raise
            # NaN in `A` comes from the loss, so the weights diverged before.
            raise Diverged(
                f"the validation loss is {float(loss.detach())}: lower learning_rate"
            ) from error
        if not options.confirm or self._lowers(valid_loss, projected, loss):
            self._keep(projected)
        return loss.detach()

    def projection(self) -> dict[str, Tensor]:
        return self._kept

    def start_from(self, choices: Choices, margin: float = 0.01) -> None:
        super().start_from(choices, margin)
        self._keep(projection_of(self.space.decisions, choices))

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"moments": self.moments.state_dict(), "kept": self._kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.moments.load_state_dict(state["moments"])
        self._keep(state["kept"])

    @torch.no_grad()
    def _step_by_decision(self, gradients: Mapping[str, Tensor | None]) -> None:
        """Take a step of `A` that keeps the differences of the gradients in each decision.

        If candidate k takes the place of a kept candidate c, the loss changes by `g_k − g_c` to
        first order. With several kept candidates g_c is their mean.
        """
        options = self.options
        for name, gradient in gradients.items():
            if gradient is None:  # the loss does not depend on the decision
                continue
            kept = self._path.weights[name]
            relative = gradient - (gradient * kept).sum() / kept.sum()
            a = self.architecture.values()[name]
            a.mul_(1 - options.learning_rate * options.weight_decay)
            a.sub_(options.learning_rate * self.moments.follow(name, relative, options.betas))

    @torch.no_grad()
    def _lowers(self, valid_loss: Loss, projected: dict[str, Tensor], loss: Tensor) -> bool:
        """Whether the loss of a batch is lower with another projection than the kept one.

        If it is not, candidates that only the other one keeps lose their lead in `A`.
        """
        new = {name: a * (1 - self._kept[name]) for name, a in projected.items()}
        if not any(a.any() for a in new.values()):
            return True
        changed = valid_loss(Relaxation.one_path(projected, self.device))
        mean_over_processes([changed])
        if bool(changed < loss):
            return True
        lead = max(self.options.margin, 1.0) * self.options.learning_rate
        for name, a in self.architecture.values().items():
            a.sub_(lead * new[name].to(a))
        return False

    def _keep(self, projection: dict[str, Tensor]) -> None:
        # Step 3 of an iteration and step 1 of the next project the same point, so it is done once.
        self._kept = projection
        self._path = Relaxation.one_path(projection, self.device)
