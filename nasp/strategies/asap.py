"""ASAP: annealing, and pruning of operations during the search (Noy et al., AISTATS 2020)."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from nasp.cli.option_checks import check_not_negative, check_positive
from nasp.core.relaxation import Relaxation
from nasp.strategies.base import Loss
from nasp.strategies.concrete import check_range
from nasp.strategies.darts import DARTS
from nasp.strategies.gradient import GradientOptions


@dataclass(frozen=True)
class ASAPOptions(GradientOptions):
    """Options of ASAP.

    Attributes:
        temperature: Temperature T at the start of the search and in its last epoch. Each epoch
            multiplies it by the same factor, which is the paper's 0.95 in a search of 50 epochs.
        grace: The temperature below which `A` is trained and operations are pruned.
        threshold: Smallest weight of an operation that stays, times the number of operations that
            are left on its edge; below 1.
    """

    betas: tuple[float, float] = (0.5, 0.999)
    temperature: tuple[float, float] = (1.6, 1.6 * 0.95**50)
    grace: float = 1.0
    threshold: float = 0.4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("temperature", self.temperature)
        check_positive(self, "grace")
        check_not_negative(self, "threshold", below=1)


class ASAP(DARTS):
    """Runs the operations that are left, weighted by `softmax(A / T)` over each edge.

    The temperature T falls over the search (arXiv 1904.04123, section 3.2). Once it is low enough,
    each step of `A` prunes the operations whose weight is below the threshold. Pruned operations do
    not run again, so the search becomes faster and its network approaches the discrete one. Of each
    edge the best operation stays, and never `none` alone.

    Attributes:
        left: Which operations of each decision are left, `(edges, operations)`, on the host.
    """

    Options: ClassVar[type[ASAPOptions]] = ASAPOptions
    options: ASAPOptions

    def prepare(self) -> None:
        super().prepare()
        self._keep({d.name: torch.ones(d.shape, dtype=torch.bool) for d in self.space.decisions})
        self.begin_epoch(0, 1)

    def begin_epoch(self, position: int, epochs: int) -> None:
        """Lower the temperature; a search of one epoch has the last one."""
        first, last = self.options.temperature
        self.temperature = first * (last / first) ** ((position + 1) / epochs)

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        """Take a step of `A` and prune; above the temperature `grace` do neither."""
        if self.temperature >= self.options.grace:
            with torch.no_grad():
                return valid_loss(self._relaxation())
        loss = super().architecture_step(train_loss, valid_loss)
        self._prune()
        return loss

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "left": dict(self.left)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._keep(state["left"])

    def search_relaxation(self) -> Relaxation:
        return self._relaxation().detached()

    def _keep(self, left: dict[str, Tensor]) -> None:
        self.left = {name: mask.cpu() for name, mask in left.items()}
        self._masks = {name: mask.to(self.device) for name, mask in self.left.items()}
        self._active = Relaxation.one_path(self.left).active

    @torch.no_grad()
    def _prune(self) -> None:
        left = {}
        for decision, weights in zip(self.space.decisions, self._on_host(), strict=True):
            mask = self.left[decision.name]
            may_stay = weights.clone()
            if decision.absent is not None:
                may_stay[:, decision.operations.index(decision.absent)] = -1.0
            mask = mask & (weights >= self.options.threshold / mask.sum(-1, keepdim=True))
            left[decision.name] = mask.scatter(-1, may_stay.argmax(-1, keepdim=True), True)
        if any(not torch.equal(mask, self.left[name]) for name, mask in left.items()):
            self._keep(left)

    def _on_host(self) -> list[Tensor]:
        """Return the weights of each decision on the host, by a single copy from the device."""
        weights = self._means()
        means = [weights[d.name] for d in self.space.decisions]
        flat = torch.cat([m.flatten() for m in means]).cpu()
        parts = torch.split(flat, [m.numel() for m in means])
        return [part.view_as(m) for part, m in zip(parts, means, strict=True)]

    def _means(self) -> dict[str, Tensor]:
        return {
            name: (a / self.temperature).masked_fill(~self._masks[name], -torch.inf).softmax(dim=-1)
            for name, a in self.architecture.values().items()
        }

    def _relaxation(self) -> Relaxation:
        return replace(super()._relaxation(), active=self._active)
