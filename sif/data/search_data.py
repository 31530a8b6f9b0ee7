"""`SearchData`: the encoded training and validation ratings of a search."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nasp.errors import NaspError
from sif.data import Encoder, Table
from sif.data.biases import fit_biases
from sif.data.rating_tensors import Ratings, Scale
from sif.nn.encoders import RatingGraph


@dataclass(frozen=True)
class SearchData:
    """Training and validation ratings, encoded. A search gets these and never test ratings.

    Attributes:
        encoder: Ids of the training split.
        scale: Scale of the training split.
        biases: Standardised bias of each table row, from the bias model; they predict ratings of
            unseen ids.
        train: Ratings that train the weights.
        valid: Ratings that train and select architectures.
        rated: Positions of the users and items of both splits, int32 `(2, ratings)`, on the CPU.
    """

    encoder: Encoder
    scale: Scale
    biases: Tensor
    train: Ratings
    valid: Ratings
    rated: Tensor

    @classmethod
    def from_splits(
        cls,
        train: Table | pd.DataFrame,
        valid: Table | pd.DataFrame,
        device: torch.device | str = "cpu",
    ) -> Self:
        """Encode and standardise checked ratings with the ids and the scale of the training split.

        Raises:
            NaspError: Every validation rating has an id that is not in training.
        """
        train, valid = Table.from_frame(train), Table.from_frame(valid)
        encoder, scale = Encoder.fit(train), Scale.fit(train)
        fit_on = Ratings.encode(train, encoder, scale, device=device)
        checked_on = Ratings.encode(valid, encoder, scale, device=device)
        if not len(checked_on.ratings):
            raise NaspError(_why_none(encoder, valid))
        biases = fit_biases(fit_on, checked_on, sum(encoder.sizes), scale)
        if len(checked_on.unseen):
            checked_on = Ratings.encode(valid, encoder, scale, biases, device)
        rated = torch.cat([rated_pairs(encoder, train), rated_pairs(encoder, valid)], dim=1)
        return cls(encoder, scale, biases, replace(fit_on, rated=True), checked_on, rated)

    def graph(self) -> RatingGraph:
        """Return the graph of the users and items of the training ratings."""
        graph = RatingGraph(self.train.rows[:2], sum(self.encoder.sizes))
        return graph.to(self.train.rows.device)

    def encode(self, ratings: Table | pd.DataFrame) -> Ratings:
        """Encode further checked ratings, for example test ratings."""
        table, device = Table.from_frame(ratings), self.train.ratings.device
        return Ratings.encode(table, self.encoder, self.scale, self.biases, device)


def rated_pairs(encoder: Encoder, ratings: Table) -> Tensor:
    """Return positions of users and items of the ratings with known ids, int32 `(2, ratings)`."""
    positions = np.stack(encoder.positions(ratings)[:2])
    return torch.from_numpy(positions[:, (positions >= 0).all(axis=0)])


def _why_none(encoder: Encoder, valid: Table) -> str:
    unknown = [int((positions < 0).sum()) for positions in encoder.positions(valid)]
    worst = max(range(len(unknown)), key=unknown.__getitem__)
    name, count = encoder.columns[worst], unknown[worst]
    return (
        f"no validation rating can be predicted: {count} of {len(valid)} have a {name} that no "
        f"training rating has ({encoder.sizes[worst]} {name} ids there); give more ratings of "
        "each, or leave out a column whose values do not repeat"
    )
