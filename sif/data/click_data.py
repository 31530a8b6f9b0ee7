"""Rows of clicks as tensors: rows of the embedding table of all fields, and labels."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nasp.errors import NaspError
from sif.data import Encoder, Table
from sif.data.batches import shuffled
from sif.data.feature_tensors import table_features
from sif.data.features import Features
from sif.data.rating_tensors import offsets
from sif.data.task_data import Sides
from sif.nn.field_model import ClickBatch
from sif.nn.graph import Propagation


def field_sizes(encoder: Encoder) -> tuple[int, ...]:
    """Return the number of table rows of each field: its ids, and one row for unknown ids."""
    return tuple(size + 1 for size in encoder.sizes)


def field_rows(positions: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Replace positions of ids by their table rows, in place, and return them.

    Args:
        positions: Positions of ids, -1 for an unknown id, `(fields, rows)`.
        sizes: Number of table rows of each field.
    """
    for row, size, start in zip(positions, sizes, offsets(sizes).tolist(), strict=True):
        row.masked_fill_(row < 0, size - 1).add_(start)
    return positions


@dataclass(frozen=True)
class Clicks:
    """Encoded rows with labels, for training or evaluation.

    Attributes:
        rows: Table rows of all fields, int32 `(fields, rows)`.
        labels: 1 for a click, 0 for none, float32 `(rows,)`.
        unseen: Number of rows with an id that no training row has.
        trained: Whether these are the training rows, see `ClickBatch`.
    """

    rows: Tensor
    labels: Tensor
    unseen: int = 0
    trained: bool = False

    @classmethod
    def encode(
        cls,
        table: Table,
        encoder: Encoder,
        device: torch.device | str = "cpu",
        *,
        trained: bool = False,
    ) -> Self:
        """Encode rows whose values are labels."""
        # Column by column, so that all columns are in memory only once.
        positions = torch.empty(len(encoder.columns), len(table), dtype=torch.int32)
        for entity, row in enumerate(positions):
            row.copy_(torch.from_numpy(encoder.position(table, entity)))
        labels = torch.from_numpy(table.ratings.astype(np.float32))
        unseen = int((positions.amin(dim=0) < 0).sum())
        rows = field_rows(positions, field_sizes(encoder))
        return cls(rows.to(device), labels.to(device), unseen, trained)

    def __len__(self) -> int:
        return len(self.labels)

    def batches(
        self, size: int, generator: torch.Generator, steps: int | None = None
    ) -> Iterator[ClickBatch]:
        """Yield shuffled batches; see `sif.data.batches.shuffled`."""
        for batch in shuffled(self.rows, self.labels, size, generator, steps):
            yield ClickBatch(*batch, self.trained)


@dataclass(frozen=True)
class ClickData:
    """Training and validation rows of clicks, encoded. A search gets no test rows.

    Attributes:
        encoder: Ids of the training rows.
        train: Rows that train the weights.
        valid: Rows that train and select architectures.
        clicked: Positions of the users and items of all clicks of both parts, int32 `(2, clicks)`,
            on the CPU.
        features: Side features of the ids of each field; None for a field without a side table.
    """

    encoder: Encoder
    train: Clicks
    valid: Clicks
    clicked: Tensor
    features: tuple[Features | None, ...]

    @classmethod
    def from_splits(
        cls,
        train: Table | pd.DataFrame,
        valid: Table | pd.DataFrame,
        device: torch.device | str = "cpu",
        sides: Sides | None = None,
    ) -> Self:
        """Encode checked rows, whose values are 0 and 1, with the ids of the training rows.

        Args:
            train: Training rows.
            valid: Validation rows.
            device: Device of the tensors.
            sides: What is known of users and items besides.

        Raises:
            NaspError: A part has no click, or clicks only; there are bins of times, which models of
                clicks do not use; or a side table has no id or no column that can be used.
        """
        sides = sides or Sides()
        if sides.time_bins:
            raise NaspError("models of clicks do not use time_bins: leave them out")
        train, valid = Table.from_frame(train), Table.from_frame(valid)
        encoder = Encoder.fit(train)
        parts = (
            Clicks.encode(train, encoder, device, trained=True),
            Clicks.encode(valid, encoder, device),
        )
        for name, part in zip(("training", "validation"), parts, strict=True):
            check_labels(part.labels, name)
        clicked = torch.cat([clicked_pairs(encoder, part) for part in (train, valid)], dim=1)
        return cls(encoder, *parts, clicked, sides.features(encoder))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of table rows of each field."""
        return field_sizes(self.encoder)

    def feature_matrix(self) -> Propagation | None:
        """Return the features of all table rows as a matrix; None if there are none."""
        matrix = table_features(self.features, self.sizes)
        return None if matrix is None else matrix.to(self.train.rows.device)

    def for_refit(self) -> Self:
        """Return the same data with all rows for training, and none for validation.

        Ids are still those of the training rows, so validation rows train the embeddings of unknown
        ids.
        """
        parts = self.train, self.valid
        rows = torch.cat([part.rows for part in parts], dim=1)
        whole = Clicks(rows, torch.cat([part.labels for part in parts]), trained=True)
        none = Clicks(rows[:, :0], whole.labels[:0])
        return replace(self, train=whole, valid=none)


def check_labels(labels: Tensor, name: str) -> None:
    """Check that there are clicks and non-clicks.

    Args:
        labels: 1 for a click, 0 for none, `(rows,)`.
        name: What the rows are, for the message.

    Raises:
        NaspError: All labels are equal.
    """
    clicks = int(labels.sum())
    if not 0 < clicks < len(labels):
        what = "clicks" if clicks else "no clicks"
        raise NaspError(
            f"all {len(labels):,} {name} rows are {what}: give rows of both kinds, or draw "
            "negatives, --negatives 2 for example"
        )


def clicked_pairs(encoder: Encoder, table: Table) -> Tensor:
    """Return positions of users and items of the clicks with known ids, int32 `(2, clicks)`."""
    positions = np.stack([encoder.position(table, entity) for entity in (0, 1)])
    kept = (positions >= 0).all(axis=0) & (table.ratings > 0)
    return torch.from_numpy(positions[:, kept])
