"""`SearchSpace`, the contract between search spaces and strategies."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from nasp.core.decision import Decision
from nasp.core.genotype import Genotype
from nasp.core.limit import Limit
from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError


class SearchSpace(nn.Module, ABC):
    """A network with decisions.

    Each parameter is of exactly one of two kinds. The parameters that `architecture()` yields are
    continuous architecture, trained on validation data like `A`. All others are weights, trained on
    training data.

    Attributes:
        name: Name of the space, in its genotypes.
        decisions: The decisions.
        limits: Limits that the architecture must keep; a search sets those of its task.
    """

    name: str
    decisions: tuple[Decision, ...]
    limits: tuple[Limit, ...] = ()

    @abstractmethod
    def forward(self, batch: Any, relaxation: Relaxation) -> Any:
        """Return the outputs for a batch under a relaxation; the task computes the loss."""

    @abstractmethod
    def genotype(self, choices: dict[str, tuple[tuple[str, str], ...]]) -> Genotype:
        """Return the genotype of choices, with the space's current continuous architecture."""

    def architecture(self) -> Iterator[nn.Parameter]:
        """Yield the parameters of the continuous architecture; none by default."""
        return iter(())

    @torch.no_grad()
    def move(self, offsets: Sequence[float]) -> None:
        """Add an offset to each number of the continuous architecture, in place.

        Args:
            offsets: The offsets, flattened in the order of `architecture()`.

        Raises:
            NaspError: There are more or fewer offsets than numbers.
        """
        parameters = list(self.architecture())
        sizes = [p.numel() for p in parameters]
        if len(offsets) != sum(sizes):
            raise NaspError(
                f"{len(offsets)} offsets for a continuous architecture of {sum(sizes)} numbers"
            )
        parts = torch.split(torch.tensor(offsets, dtype=torch.float64), sizes)
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.add_(part.view_as(parameter).to(parameter))

    def weights(self) -> list[nn.Parameter]:
        """Return the parameters that are weights."""
        architecture = {id(p) for p in self.architecture()}
        return [p for p in self.parameters() if id(p) not in architecture]

    def constrain(self) -> None:
        """Project the weights onto the space's constraints, in place; called after each step."""
