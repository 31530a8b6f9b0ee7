"""Rating splits as tensors: rows of the embedding table and standardised ratings."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

from sif.data import Encoder, Table
from sif.data.batches import shuffled
from sif.data.sessions import Sessions
from sif.nn.embeddings import RatingBatch


@dataclass(frozen=True)
class Scale:
    """Standardises ratings by the training split: `(rating − mean) / std`.

    Attributes:
        mean: Mean of the training ratings, in rating units.
        std: Standard deviation of the training ratings.
        lowest: Smallest training rating; predictions are clipped to it.
        highest: Largest training rating; predictions are clipped to it.
        transform: Transform of the ratings that were read: `log` gives log(1 + r). The numbers
            above are those of the transformed ratings.
    """

    mean: float
    std: float
    lowest: float = -math.inf
    highest: float = math.inf
    transform: Literal["none", "log"] = "none"

    @classmethod
    def fit(cls, train: Table) -> Self:
        """Compute the scale of checked training ratings."""
        values = train.ratings.astype(np.float64)
        mean, lowest, highest = (
            float(number) for number in (values.mean(), values.min(), values.max())
        )
        values -= mean
        std = float(np.sqrt(np.square(values, out=values).mean())) or 1.0
        return cls(mean, std, lowest, highest, train.transform)

    def clip(self, standardised: Tensor) -> Tensor:
        """Clip standardised predictions to the range of the training ratings."""
        lowest, highest = ((bound - self.mean) / self.std for bound in (self.lowest, self.highest))
        return standardised.clamp(lowest, highest)

    def as_read(self, standardised: Tensor, clip: bool = True) -> np.ndarray:
        """Return standardised predictions in the units of the ratings that were read, float64."""
        ratings = standardised.cpu().double().numpy() * self.std + self.mean
        if clip:
            ratings = ratings.clip(self.lowest, self.highest)
        return np.expm1(ratings) if self.transform == "log" else ratings

    def deviation_as_read(self, standardised: Tensor, ratings: np.ndarray) -> np.ndarray:
        """Return standardised deviations of predictions in the units of the ratings, float64.

        Args:
            standardised: The deviations, `(ratings,)`.
            ratings: The predictions in the units of the ratings, `(ratings,)`. A deviation of
                log(1 + r) is 1 + r times as large for r, to first order.
        """
        deviations: np.ndarray = standardised.double().numpy() * self.std
        return deviations * (1 + ratings) if self.transform == "log" else deviations


@dataclass(frozen=True)
class Ratings:
    """Encoded ratings for training or evaluation.

    Attributes:
        rows: Table rows of the ratings whose ids are all in the training split,
            `(entities, ratings)`, int32, which takes half the memory of int64.
        ratings: The standardised ratings of these rows, `(ratings,)`.
        unseen: Standardised residuals of all other ratings, which have an id that is not in the
            training split. They are predicted by the global mean plus the biases of their known
            ids.
        rated: Whether these are the training ratings, see `RatingBatch`.
        sessions: Position of the session of each of these rows, int64 `(ratings,)`, see
            `sif.data.sessions`; None without sessions.
    """

    rows: Tensor
    ratings: Tensor
    unseen: Tensor
    rated: bool = False
    sessions: Tensor | None = None

    @classmethod
    def encode(
        cls,
        table: Table,
        encoder: Encoder,
        scale: Scale,
        biases: Tensor | None = None,
        device: torch.device | str = "cpu",
        sessions: Sessions | None = None,
    ) -> Self:
        """Encode ratings.

        Args:
            table: The ratings.
            encoder: Ids of the training split.
            scale: Mean and deviation of the training split.
            biases: Standardised bias of each table row; None for zero.
            device: Device of the tensors.
            sessions: The sessions of the training split; the ratings then have times.
        """
        positions = torch.from_numpy(np.stack(encoder.positions(table)))
        values = torch.from_numpy(table.ratings.astype(np.float64))
        values = values.sub_(scale.mean).div_(scale.std).float()
        known = (positions >= 0).all(dim=0)
        unseen = values[~known]
        if biases is not None:
            others = positions[:, ~known].T.long()
            unseen = unseen - scale.clip(known_biases(others, encoder.sizes, biases.cpu()))
        if len(unseen):
            positions, values = positions[:, known], values[known]
        found = None
        if sessions is not None:
            codes = sessions.bins.codes(table)[known.numpy()]
            found = torch.from_numpy(sessions.positions(positions[0].numpy(), codes))
        rows = positions.add_(offsets(encoder.sizes).int()[:, None])
        return cls(rows.to(device), values.to(device), unseen.to(device), sessions=found)

    def take(self, rows: slice) -> Self:
        """Return some of the ratings with known ids."""
        return replace(
            self,
            rows=self.rows[:, rows],
            ratings=self.ratings[rows],
            unseen=self.unseen[:0],
            sessions=None if self.sessions is None else self.sessions[rows],
        )

    def batches(
        self, size: int, generator: torch.Generator, steps: int | None = None
    ) -> Iterator[RatingBatch]:
        """Yield shuffled batches; see `sif.data.batches.shuffled`."""
        for rows, ratings in shuffled(self.rows, self.ratings, size, generator, steps):
            counts = self.inverse_counts.index_select(0, rows.flatten()).view(rows.shape)
            yield RatingBatch(rows, ratings, self.rated, counts)

    @cached_property
    def inverse_counts(self) -> Tensor:
        """1 / the number of ratings of each table row, up to the last row that has any."""
        return torch.bincount(self.rows.flatten()).float().reciprocal()


def offsets(sizes: tuple[int, ...]) -> Tensor:
    """Return the table row of each entity's first id, `(entities,)`."""
    return torch.tensor([0, *sizes[:-1]]).cumsum(0)


def table_rows(positions: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Convert positions of ids `(ratings, entities)` to table rows `(entities, ratings)`."""
    return (positions + offsets(sizes)).T.contiguous()


def known_biases(positions: Tensor, sizes: tuple[int, ...], biases: Tensor) -> Tensor:
    """Return the sum of the biases of the known ids of each rating, `(ratings,)`.

    Args:
        positions: Positions of ids, -1 for an unseen id, `(ratings, entities)`.
        sizes: Number of ids of each entity.
        biases: Bias of each table row.
    """
    known = positions >= 0
    return torch.where(known, biases[positions.clamp(min=0) + offsets(sizes)], 0.0).sum(dim=1)
