"""The mapping from ids to positions in embedding tables."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from nasp.errors import NaspError
from sif.data.ids import find_ids, present_ids
from sif.data.store import Table


@dataclass(frozen=True, eq=False)
class Encoder:
    """The ids of the training ratings; an id's position determines its row of embeddings.

    Attributes:
        columns: The entity columns.
        ids: The sorted ids of each column, by position.
    """

    columns: tuple[str, ...]
    ids: tuple[pd.Index, ...]

    @classmethod
    def fit(cls, train: Table) -> Self:
        """Collect the ids of checked training ratings."""
        ids = tuple(present_ids(train, entity) for entity in range(len(train.columns)))
        return cls(train.columns, ids)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of ids of each entity column."""
        return tuple(map(len, self.ids))

    def positions(self, table: Table) -> list[np.ndarray]:
        """Return the positions of a table's ids.

        Returns:
            For each entity column, int32 `(ratings,)`; -1 for an id that is not in training.

        Raises:
            NaspError: An entity column is missing.
        """
        return [self.position(table, entity) for entity in range(len(self.columns))]

    def position(self, table: Table, entity: int) -> np.ndarray:
        """Return the positions of the ids of one entity column; see `positions`."""
        name = self.columns[entity]
        if name not in table.columns:
            raise NaspError(f"the table has no column {name!r}, which the model was fit with")
        column = table.columns.index(name)
        position = find_ids(table.ids[column], self.ids[entity], name).astype(np.int32)
        found: np.ndarray = position[table.code(column)]
        return found

    def state_dict(self) -> dict[str, Any]:
        """Return the ids as lists, which `torch.load(weights_only=True)` accepts."""
        return {"columns": list(self.columns), "ids": [ids.tolist() for ids in self.ids]}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> Self:
        """Make an encoder from the result of `state_dict`."""
        return cls(tuple(state["columns"]), tuple(map(pd.Index, state["ids"])))
