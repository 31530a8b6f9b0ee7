"""`SearchData`: the encoded training and validation ratings of a search."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nasp.errors import NaspError
from sif.data import Encoder, Table
from sif.data.biases import best_damping, biases
from sif.data.feature_tensors import table_features
from sif.data.features import Features
from sif.data.rating_tensors import Ratings, Scale
from sif.data.sessions import Sessions
from sif.data.task_data import Sides
from sif.nn.encoders import RatingGraph
from sif.nn.graph import Propagation


@dataclass(frozen=True)
class SearchData:
    """Training and validation ratings, encoded. A search gets these and never test ratings.

    Attributes:
        encoder: Ids of the training split.
        scale: Scale of the training split.
        biases: Standardised bias of each table row, from the bias model; they predict ratings of
            unseen ids.
        damping: The damping of the biases, which validation chose.
        train: Ratings that train the weights.
        valid: Ratings that train and select architectures.
        rated: Positions of the users and items of both splits, int32 `(2, ratings)`, on the CPU.
        features: Side features of the ids of each entity; None for an entity without a side table.
        sessions: The periods in which each user has ratings; None without bins of times.
        source: The tables of both splits and what is known besides, for `whole`; not in a pickle.
    """

    encoder: Encoder
    scale: Scale
    biases: Tensor
    damping: float
    train: Ratings
    valid: Ratings
    rated: Tensor
    features: tuple[Features | None, ...]
    sessions: Sessions | None = None
    source: tuple[Table, Table, Sides] | None = None

    @classmethod
    def from_splits(
        cls,
        train: Table | pd.DataFrame,
        valid: Table | pd.DataFrame,
        device: torch.device | str = "cpu",
        sides: Sides | None = None,
    ) -> Self:
        """Encode checked training and validation ratings.

        Args:
            train: Training ratings.
            valid: Validation ratings.
            device: Device of the tensors.
            sides: What is known besides.

        Raises:
            NaspError: No validation rating has ids that are all in training; or a side table has no
                id or no column that can be used.
        """
        train, valid, sides = Table.from_frame(train), Table.from_frame(valid), sides or Sides()
        encoder, scale = Encoder.fit(train), Scale.fit(train)
        sessions = _sessions(sides, encoder, train)
        fit_on = Ratings.encode(train, encoder, scale, None, device, sessions)
        checked_on = Ratings.encode(valid, encoder, scale, None, device, sessions)
        if not len(checked_on.ratings):
            raise NaspError(_why_none(encoder, valid))
        rows = sum(encoder.sizes)
        damping = best_damping(fit_on, checked_on, rows, scale)
        fitted = biases(fit_on, rows, damping)
        if len(checked_on.unseen):
            checked_on = Ratings.encode(valid, encoder, scale, fitted, device, sessions)
        return cls(
            encoder,
            scale,
            fitted,
            damping,
            replace(fit_on, rated=True),
            checked_on,
            torch.cat([rated_pairs(encoder, train), rated_pairs(encoder, valid)], dim=1),
            sides.features(encoder),
            sessions,
            (train, valid, sides),
        )

    def whole(self) -> Self:
        """Return the ratings of both splits as training ratings, without validation ratings."""
        assert self.source is not None, "only the process that read the tables has them"
        first, second, sides = self.source
        table, device = first.joined(second), self.train.ratings.device
        encoder, scale = Encoder.fit(table), Scale.fit(table)
        sessions = _sessions(sides, encoder, table)
        train = Ratings.encode(table, encoder, scale, None, device, sessions)
        train = replace(train, rated=True)
        return replace(
            self,
            encoder=encoder,
            scale=scale,
            biases=biases(train, sum(encoder.sizes), self.damping),
            train=train,
            valid=train.take(slice(0)),
            rated=rated_pairs(encoder, table),
            features=sides.features(encoder),
            sessions=sessions,
            source=None,
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "source": None}

    def graph(self) -> RatingGraph:
        """Return the graph of the users and items of the training ratings."""
        graph = RatingGraph(self.train.rows[:2], sum(self.encoder.sizes))
        return graph.to(self.train.rows.device)

    def feature_matrix(self) -> Propagation | None:
        """Return the features of all table rows as a matrix; None if there are none."""
        matrix = table_features(self.features, self.encoder.sizes)
        return None if matrix is None else matrix.to(self.train.rows.device)

    def encode(self, ratings: Table | pd.DataFrame) -> Ratings:
        """Encode further checked ratings, for example test ratings."""
        table, device = Table.from_frame(ratings), self.train.ratings.device
        return Ratings.encode(table, self.encoder, self.scale, self.biases, device, self.sessions)


def _sessions(sides: Sides, encoder: Encoder, train: Table) -> Sessions | None:
    bins = sides.bins(train)
    return None if bins is None else Sessions.fit(bins, encoder.positions(train)[0], train)


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
