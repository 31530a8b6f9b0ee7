"""Embeddings and biases of all entities, and the loss that they are trained with."""

import psutil
import torch
from torch import Tensor, nn

from nasp.errors import NaspError
from sif.options import SpaceOptions

RatingBatch = tuple[Tensor, Tensor]
"""Table rows `(entities, ratings)`, integers, and standardised ratings `(ratings,)`."""


class Embeddings(nn.Module):
    """One table for the embeddings of all entities, the bias as its last column.

    One gather and one scatter serve all entities.

    Args:
        sizes: Number of users, items, ...: N >= 2 numbers.
        options: Length, start values, biases.
        generator: Source of the start values.

    Raises:
        NaspError: Fewer than two entities, or more numbers than the machine's memory takes.
    """

    def __init__(
        self, sizes: tuple[int, ...], options: SpaceOptions, generator: torch.Generator
    ) -> None:
        super().__init__()
        if len(sizes) < 2:
            raise NaspError(f"an interaction needs two entities or more, not {len(sizes)}")
        self.sizes, self.dim = sizes, options.embedding_dim
        check_memory(sum(sizes) * (self.dim + options.biases), f"{sum(sizes):,} embeddings")
        table = options.embedding_std * torch.randn(sum(sizes), self.dim, generator=generator)
        if options.biases:
            table = torch.cat([table, torch.zeros(len(table), 1)], dim=1)
            self.bias = nn.Parameter(torch.zeros(()))
        self.table = nn.Parameter(table)

    def look_up(self, rows: Tensor) -> Tensor:
        """Rows of the table, `(entities, ratings)` to `(entities, ratings, dim + biases)`."""
        # index_select rather than embedding: its backward pass is several times faster on a CPU.
        looked_up = self.table.index_select(0, rows.flatten())
        return looked_up.view(*rows.shape, self.table.shape[1])

    def parts(self, looked_up: Tensor) -> tuple[Tensor, Tensor | None]:
        """Embeddings `(entities, ratings, dim)` and the sum of biases `(ratings,)`, if any."""
        if self.table.shape[1] == self.dim:
            return looked_up, None
        embeddings, biases = torch.split(looked_up, [self.dim, 1], dim=-1)
        return embeddings, biases.sum((0, 2)) + self.bias


def check_memory(numbers: int, what: str) -> None:
    """Check that so many trained numbers fit this machine, before they are made.

    Args:
        numbers: How many there are, in float32.
        what: What they are, for the message.

    Raises:
        NaspError: With their gradients and the optimiser's sums they need more than its memory.
    """
    needed, there = 3 * 4 * numbers, psutil.virtual_memory().total
    if needed > there:
        raise NaspError(
            f"{what} need {needed / 1e9:,.0f} GB with their gradients and the optimiser's state, "
            f"and this machine has {there / 1e9:,.0f} GB: lower embedding_dim"
        )
