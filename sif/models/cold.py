"""Users and items without training rows, whose parameters follow from their side features."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nasp.errors import NaspError
from nasp.files.schema import Rule, number, one_of, optional, section, sequence, tensor, text
from sif.data import Encoder, Features, find_ids
from sif.data.feature_columns import KINDS, FeatureColumn
from sif.data.features import feature_matrix
from sif.data.ids import new_ids
from sif.data.rating_tensors import offsets
from sif.data.side_table import SideTable, side_table
from sif.nn.embeddings import Embeddings

ROLES = ("user", "item")
NO_ONE: tuple[pd.Index, pd.Index] = (pd.Index([]), pd.Index([]))
SideFrame = pd.DataFrame | SideTable
"""A row for each user or item: its id and properties."""
_COLUMN = section(
    {
        "kind": one_of(*KINDS),
        "columns": sequence(text),
        "separator": text,
        "edges": sequence(number()),
        "values": sequence(text),
    }
)
SIDES_RULE: Rule = sequence(
    optional(
        section(
            {
                "columns": sequence(_COLUMN),
                "base": sequence(tensor(torch.float32)),
                "weights": sequence(tensor(torch.float32)),
            }
        )
    )
)
"""The rule for the state of `FeatureWeights`, or None, of each entity."""
COLD_RULE: Rule = sequence(tensor(torch.int64, (None,)), 2)
"""The rule for what `cold_state` returns."""


@dataclass(frozen=True, eq=False)
class FeatureWeights:
    """What the features of an entity's ids add to their parameters.

    A model may have several tables of parameters, for example one for each sample.

    Attributes:
        columns: The columns of a side table that give features.
        base: The parameters of an id without features, `(..., width)` for each table.
        weights: What each feature adds to them, `(..., features, width)` for each table.
    """

    columns: tuple[FeatureColumn, ...]
    base: Sequence[Tensor]
    weights: Sequence[Tensor]

    def parameters(self, frame: pd.DataFrame, source: str) -> list[Tensor]:
        """Return the parameters of new ids, `(..., ids, width)` for each table.

        Args:
            frame: A row for each id, with the columns of the side table of training.
            source: Name of the table, for messages.

        Raises:
            NaspError: A column is missing.
        """
        needed = (name for column in self.columns for name in column.columns)
        if missing := [name for name in needed if name not in frame]:
            raise NaspError(f"{source}: no column {missing[0]!r}, which training had: add it")
        matrix = feature_matrix(self.columns, frame, np.arange(len(frame)), len(frame))
        features = torch.from_numpy(matrix.toarray())
        pairs = zip(self.base, self.weights, strict=True)
        return [base.unsqueeze(-2) + features @ weights for base, weights in pairs]

    def state_dict(self) -> dict[str, Any]:
        """Return what `torch.load(weights_only=True)` accepts."""
        columns = [
            {
                "kind": column.kind,
                "columns": list(column.columns),
                "separator": column.separator,
                "edges": list(column.edges),
                "values": list(column.values),
            }
            for column in self.columns
        ]
        return {"columns": columns, "base": list(self.base), "weights": list(self.weights)}

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Self:
        """Make weights from the result of `state_dict`."""
        columns = tuple(
            FeatureColumn(
                one["kind"],
                tuple(one["columns"]),
                one["separator"],
                tuple(one["edges"]),
                tuple(one["values"]),
            )
            for one in state["columns"]
        )
        base, weights = ([one.cpu() for one in state[name]] for name in ("base", "weights"))
        return cls(columns, base, weights)

    def fits(self, tables: Sequence[Tensor]) -> bool:
        """Whether these are the weights of tables of parameters `(..., rows, width)`."""
        count = sum(len(column.values) for column in self.columns)
        shapes = [(*table.shape[:-2], count, table.shape[-1]) for table in tables]
        return [tuple(w.shape) for w in self.weights] == shapes and [
            tuple(b.shape) for b in self.base
        ] == [(*shape[:-2], shape[-1]) for shape in shapes]


Sides = tuple[FeatureWeights | None, ...]
"""The weights of each entity's features; None for an entity without any."""


def shares_of(positions: Tensor, size: int) -> Tensor:
    """Return the share of rows of each id, `(size,)`, given the position of each row's id."""
    counts = torch.bincount(positions.cpu(), minlength=size).float()
    return counts / counts.sum()


def weights_of(
    embeddings: Embeddings,
    features: Sequence[Features | None],
    sizes: Sequence[int],
    rows: Tensor,
) -> Sides:
    """Return what the features of each entity add to a trained table, before they are folded.

    An id without features has the mean parameters over the training rows.

    Args:
        embeddings: The table; ids come first among the rows of an entity.
        features: The features of each entity's ids.
        sizes: Number of ids of each entity.
        rows: Table rows of the training rows, `(entities, rows)`.
    """
    found, column = list[FeatureWeights | None](), 0
    tables = torch.split(embeddings.table.detach().cpu(), list(embeddings.sizes))
    firsts = offsets(embeddings.sizes)
    parts = zip(tables, features, sizes, rows.cpu() - firsts[:, None], strict=True)
    for table, known, size, at in parts:
        if known is None:
            found.append(None)
            continue
        count = known.matrix.shape[1]
        weights = embeddings.weights.detach().cpu()[column : column + count]
        column += count
        scaled = embeddings.feature_scale * weights
        found.append(FeatureWeights(known.columns, [shares_of(at, size) @ table[:size]], [scaled]))
    return tuple(found)


def joined_sides(parts: Sequence[Sides]) -> Sides:
    """Return the weights of all tables of several networks, in their order."""
    found = list[FeatureWeights | None]()
    for each in zip(*parts, strict=True):
        known = [one for one in each if one is not None]
        base = [table for one in known for table in one.base]
        weights = [table for one in known for table in one.weights]
        found.append(FeatureWeights(known[0].columns, base, weights) if known else None)
    return tuple(found)


def checked_sides(
    states: Sequence[Any],
    tables: Callable[[int], Sequence[Tensor]],
    sizes: Sequence[int],
    path: Path | str,
) -> Sides:
    """Return the weights of a saved model.

    Args:
        states: That of each entity.
        tables: Returns the tables of parameters of an entity, `(..., rows, width)`.
        sizes: Number of ids of each entity.
        path: The model's file, for messages.

    Raises:
        NaspError: They are not those of the tables.
    """
    sides = tuple(None if one is None else FeatureWeights.from_state_dict(one) for one in states)
    if len(sides) != len(sizes):
        raise NaspError(f"{path}: the model has not the features of each entity")
    for entity, side in enumerate(sides):
        if side is not None and (entity >= len(ROLES) or not side.fits(tables(entity))):
            raise NaspError(f"{path}: the weights of features are not those of the model")
    return sides


class Extensible(Protocol):
    """A model that can be made to know further users and items.

    Attributes:
        encoder: The ids that it knows.
        sides: What the features of each entity's ids add to its parameters.
        cold: Ids of users and of items that it knows by their features alone.
    """

    encoder: Encoder
    sides: Sides
    cold: tuple[pd.Index, pd.Index]

    def with_newcomers(self, more: "Newcomers") -> Self:
        """Return a model that knows more ids of an entity."""


def cold_state(model: Extensible) -> list[Tensor]:
    """Return the positions of the ids in `model.cold`, int64, for the model's file."""
    ids = zip(model.encoder.ids, model.cold, strict=False)
    return [torch.from_numpy(known.get_indexer(new)).long() for known, new in ids]


def checked_cold(
    state: Sequence[Tensor] | None, encoder: Encoder, path: Path | str
) -> tuple[pd.Index, pd.Index]:
    """Return the ids of a state of `cold_state`; no ones, if the file has none.

    Raises:
        NaspError: A position is that of no id.
    """
    if state is None:
        return NO_ONE
    found = []
    for ids, at in zip(encoder.ids, state, strict=False):
        if not ((at >= 0) & (at < len(ids))).all():
            raise NaspError(f"{path}: an id that is known by its features alone is no id")
        found.append(ids[at.cpu().numpy()])
    return found[0], found[1]


Model = TypeVar("Model", bound=Extensible)


def extended(model: Model, users: SideFrame | None, items: SideFrame | None) -> Model:
    """Return a model that knows further users and items, by their features.

    Args:
        model: The model.
        users: A table with a row for each user: its id, and the columns that training had. Users
            that the model knows already are not changed.
        items: The same for items.

    Raises:
        NaspError: The model knows no such features, a column is missing, or an id is missing,
            appears twice, or is of another type than those of the model.
    """
    for entity, given in enumerate((users, items)):
        if given is not None:
            more = Newcomers.of(model.encoder, entity, model.sides, given)
            cold, model = list(model.cold), model.with_newcomers(more)
            cold[entity] = cold[entity].append(more.new)
            model.cold = cold[0], cold[1]
    return model


def report_cold(model: Extensible, positions: Sequence[np.ndarray]) -> None:
    """Warn if some users or items are predicted by their features alone.

    Args:
        model: The model.
        positions: Positions of ids in the model, `(rows,)` for each entity.
    """
    for entity, new in enumerate(model.cold):
        found, encoder = positions[entity], model.encoder
        if count := int(np.isin(found, encoder.ids[entity].get_indexer(new)).sum()):
            warnings.warn(
                f"{encoder.columns[entity]}: {count} of {len(found)} ids have no rows in training "
                "and are predicted by their features",
                stacklevel=3,
            )


@dataclass(frozen=True, eq=False)
class Newcomers:
    """New ids of an entity, and where they are among all ids.

    Attributes:
        entity: Position of the entity.
        new: The new ids.
        ids: All ids, sorted.
        order: For each of them, its position among the known ids followed by the new ones.
        parameters: Those of the new ids, `(..., new, width)` for each table.
    """

    entity: int
    new: pd.Index
    ids: pd.Index
    order: Tensor
    parameters: list[Tensor]

    @classmethod
    def of(cls, encoder: Encoder, entity: int, sides: Sides, given: SideFrame) -> Self:
        """Find the ids of a side table that a model does not know, and their parameters.

        Args:
            encoder: The ids that the model knows.
            entity: 0 for users, 1 for items.
            sides: The weights of features.
            given: The side table.

        Raises:
            NaspError: The model has no weights of features of this entity, a column is missing, or
                an id is missing, appears twice, or is of another type than those of the model.
        """
        role, weights = ROLES[entity], sides[entity]
        if weights is None:
            raise NaspError(
                f"the model knows no features of {role}s: search or train with --{role}_features"
            )
        if not isinstance(given, SideTable):
            given = side_table(given, role, f"{role}_features")
        known = encoder.ids[entity]
        unknown = find_ids(given.frame[given.id_column], known, given.source) < 0
        frame = given.frame[unknown]
        new = new_ids(frame[given.id_column], known, given.source)
        joined = known.append(new)
        order = joined.argsort()
        return cls(
            entity,
            new,
            joined[order],
            torch.from_numpy(order),
            weights.parameters(frame.drop(columns=given.id_column), given.source),
        )

    def encoder(self, encoder: Encoder) -> Encoder:
        """Return an encoder of all ids."""
        ids = list(encoder.ids)
        ids[self.entity] = self.ids
        return Encoder(encoder.columns, tuple(ids))

    def places(self, positions: Tensor) -> Tensor:
        """Return the positions of known ids among all ids."""
        return self.order.argsort().to(positions)[positions.long()]

    def join(self, known: Tensor, new: Tensor | None = None) -> Tensor:
        """Return the rows of all ids.

        Args:
            known: Rows of the known ids, `(..., known, width)`; with further rows they stay last.
            new: Rows of the new ids, `(..., new, width)`; None for zeros.
        """
        size = len(self.ids) - len(self.new)
        first, last = known[..., :size, :], known[..., size:, :]
        if new is None:
            new = known.new_zeros(*known.shape[:-2], len(self.new), known.shape[-1])
        together = torch.cat([first, new.to(known)], dim=-2)
        return torch.cat([together.index_select(-2, self.order.to(known.device)), last], dim=-2)

    def join_part(self, table: Tensor, sizes: Sequence[int], new: Tensor | None = None) -> Tensor:
        """Return a table of all entities, `(rows, width)`, with the new rows of this one.

        Args:
            table: The rows of the known ids of all entities.
            sizes: Number of rows of each entity.
            new: See `join`.
        """
        parts = list(torch.split(table, list(sizes)))
        parts[self.entity] = self.join(parts[self.entity], new)
        return torch.cat(parts)
