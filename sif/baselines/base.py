"""What the fixed models share: embeddings, biases, and the number of entities that they take."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from nasp.core.errors import NaspError
from sif.embeddings import Embeddings, SpaceOptions
from sif.rater import Rater

if TYPE_CHECKING:  # `sif.visible` imports this package for its trivial model
    from sif.visible import Data


class Baseline(Rater):
    """A fixed formula for how embeddings meet, plus biases where there are any.

    Args:
        data: Number of ids, and the training ratings for the models that are made of them.
        options: Length and start values of embeddings, biases, penalty.
        generator: Source of all start values.

    Raises:
        NaspError: The model does not take so many entities.
    """

    least: ClassVar[int] = 2
    """Entities at least."""
    most: ClassVar[int | None] = None
    """Entities at most; None if the model is one of any number."""
    biases: ClassVar[bool | None] = None
    """Whether it has biases, if that is part of the model; None leaves it to the options."""

    def __init__(self, data: "Data", options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__()
        sizes = data.encoder.sizes
        if not self.takes(len(sizes)):
            needed = f"{self.least}" if self.most else f"{self.least} or more"
            raise NaspError(
                f"{type(self).__name__} takes {needed} entities, and the ratings have "
                f"{len(sizes)}: choose another baseline"
            )
        self.options = options if self.biases is None else replace(options, biases=self.biases)
        self.embeddings = Embeddings(sizes, self.table_options(), generator)

    @classmethod
    def takes(cls, entities: int) -> bool:
        """Whether the model is one of so many entities."""
        return cls.least <= entities and (cls.most is None or entities <= cls.most)

    def table_options(self) -> SpaceOptions:
        """What the table of embeddings is made by; a model may need longer ones than it is told."""
        return self.options

    def rate(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        looked_up = self.embeddings.look_up(rows)
        embeddings, bias = self.embeddings.parts(looked_up)
        rating = self.meet(embeddings)
        return (rating if bias is None else rating + bias), looked_up

    @abstractmethod
    def meet(self, embeddings: Tensor) -> Tensor:
        """Ratings without biases, `(ratings,)`, of embeddings `(entities, ratings, dim)`."""

    def tower(self) -> Iterator[nn.Parameter]:
        """Parameters of hidden layers, which take smaller steps than the rest; none by default."""
        return iter(())


@torch.no_grad()
def into_ball(vectors: Tensor) -> None:
    """Scale each vector of `(vectors, any)` to ‖·‖₂ <= 1, in place."""
    norms = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    vectors.div_(norms.clamp_(min=1.0))
