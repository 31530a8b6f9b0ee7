"""Embeddings and biases of all entities in one table."""

from typing import NamedTuple

import psutil
import torch
from torch import Tensor, nn

from nasp.errors import NaspError
from sif.nn.graph import Propagation
from sif.options import SpaceOptions


class RatingBatch(NamedTuple):
    """A batch of ratings.

    Attributes:
        rows: Table rows, integers, `(entities, ratings)`.
        ratings: Standardised ratings, `(ratings,)`.
        rated: Whether they are training ratings, which are the edges of the graph of ratings.
        inverse_counts: 1 / the number of ratings of each id, `(entities, ratings)`, for the penalty
            `per_id`.
    """

    rows: Tensor
    ratings: Tensor
    rated: bool = False
    inverse_counts: Tensor | None = None


# Weights of features change the embeddings of many ids at once. With Adagrad, whose steps do not
# depend on the scale of a gradient, this is a smaller step size for them.
FEATURE_SCALE = 0.1


class Embeddings(nn.Module):
    """A table of the embeddings of all entities, with biases as the last column.

    A single table needs only one gather and one scatter for all entities.

    Args:
        sizes: Number of users, items, ...: N >= 2 numbers.
        options: Length, initial values, biases.
        generator: Draws the initial values.
        features: The features of all rows, `(rows, features)`, whose products with weights of their
            own are added to the table; None for none.
        feature_scale: The factor on what features add, which sets the speed of their training.

    Raises:
        NaspError: There are fewer than two entities, or the table does not fit into memory.
    """

    def __init__(
        self,
        sizes: tuple[int, ...],
        options: SpaceOptions,
        generator: torch.Generator,
        features: Propagation | None = None,
        feature_scale: float = FEATURE_SCALE,
    ) -> None:
        super().__init__()
        self.feature_scale = feature_scale
        if len(sizes) < 2:
            raise NaspError(f"an interaction needs two entities or more, not {len(sizes)}")
        self.sizes, self.dim = sizes, options.embedding_dim
        check_memory(sum(sizes) * (self.dim + options.biases), f"{sum(sizes):,} embeddings")
        table = options.embedding_std * torch.randn(sum(sizes), self.dim, generator=generator)
        if options.biases:
            table = torch.cat([table, torch.zeros(len(table), 1)], dim=1)
            self.bias = nn.Parameter(torch.zeros(()))
        self.table = nn.Parameter(table)
        self.features = features
        if features is not None:
            self.weights = nn.Parameter(torch.zeros(features.shape[1], table.shape[1]))

    def full(self) -> Tensor:
        """Return the table with what the features add, `(rows, dim + biases)`."""
        if self.features is None:
            return self.table
        added: Tensor = self.features(self.weights)
        return self.table + self.feature_scale * added

    @torch.no_grad()
    def fold_features(self) -> None:
        """Make what the features add a part of the table, for a trained model."""
        if self.features is not None:
            self.table.copy_(self.full())
            self.features = None
            del self.weights

    def look_up(self, rows: Tensor) -> Tensor:
        """Map rows `(entities, ratings)` to `(entities, ratings, dim + biases)`."""
        # index_select, because its backward pass is several times faster on a CPU than embedding's.
        looked_up = self.full().index_select(0, rows.flatten())
        return looked_up.view(*rows.shape, self.table.shape[1])

    def own(self, rows: Tensor, looked_up: Tensor) -> Tensor:
        """Return the rows of the table without what features add, which the penalty leaves free.

        Args:
            rows: The rows, `(entities, ratings)`.
            looked_up: What `look_up` returned for them.
        """
        if self.features is None:
            return looked_up
        return self.table.index_select(0, rows.flatten()).view_as(looked_up)

    def parts(self, looked_up: Tensor) -> tuple[Tensor, Tensor | None]:
        """Split rows into embeddings `(entities, ratings, dim)` and summed biases `(ratings,)`."""
        if self.table.shape[1] == self.dim:
            return looked_up, None
        embeddings, biases = torch.split(looked_up, [self.dim, 1], dim=-1)
        return embeddings, biases.sum((0, 2)) + self.bias


def check_memory(numbers: int, what: str) -> None:
    """Check that parameters fit into this machine's memory, before they are allocated.

    Args:
        numbers: Number of parameters, in float32.
        what: Description of the parameters, for the message.

    Raises:
        NaspError: Parameters, gradients and optimiser state need more than the memory.
    """
    needed, there = 3 * 4 * numbers, psutil.virtual_memory().total
    if needed > there:
        raise NaspError(
            f"{what} need {needed / 1e9:,.0f} GB with their gradients and the optimiser's state, "
            f"and this machine has {there / 1e9:,.0f} GB: lower embedding_dim"
        )
