"""Gibbs sampling of functions that are linear in the encoding of each entity.

Products, sums and their compositions are such functions. Given the encodings of all other
entities, the encodings of one entity have independent normal posteriors, which are drawn together
(Salakhutdinov and Mnih, ICML 2008: Bayesian probabilistic matrix factorisation).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sif.posterior.hyperprior import draw_mean_and_precision, draw_precision
from sif.posterior.side_information import SideInformation
from sif.user_items import BLOCK, similar_rows

START = 0.1  # standard deviation of the initial values; larger ones reach worse averages
Interaction = Callable[[Sequence[Tensor]], Tensor]
"""Maps the encodings of each entity `(ratings, embedding_dim)` to `(ratings,)`."""


@dataclass(frozen=True)
class Part:
    """Some rows of a block, which are drawn together.

    Attributes:
        rows: The rows, `(rows,)`.
        ratings: Their training ratings, `(ratings,)`.
        of: The position in `rows` of each rating, `(ratings,)`.
        groups: For some successive rows: how many they are, and the positions of their ratings in
            `ratings`, `(group, most)`, padded with the number of ratings.
    """

    rows: Tensor
    ratings: Tensor
    of: Tensor
    groups: Sequence[tuple[int, Tensor]]


def _parts(rows: Tensor, count: int, width: int) -> Iterator[Part]:
    """Sort the rows of ratings by their numbers of ratings, and cut them into parts.

    Args:
        rows: The row of each rating, `(ratings,)`.
        count: Number of rows.
        width: Length of a row.
    """
    by_row = rows.argsort(stable=True)
    groups = list(similar_rows(torch.bincount(rows, minlength=count), width))
    first = 0
    while first < len(groups):
        after, numbers = first, 0
        while after < len(groups) and (
            after == first or numbers + groups[after][1].numel() * width <= BLOCK
        ):
            numbers += groups[after][1].numel() * width
            after += 1
        together, padded, start = groups[first:after], [], 0
        total = sum(int(there.sum()) for _, _, there in together)
        for _, _, there in together:
            places = there.flatten().cumsum(0).view(there.shape) - 1 + start
            padded.append((len(there), places.masked_fill(~there, total)))
            start += int(there.sum())
        lengths = torch.cat([there.sum(1) for _, _, there in together])
        yield Part(
            torch.cat([group for group, _, _ in together]),
            by_row[torch.cat([positions[there] for _, positions, there in together])],
            torch.arange(len(lengths)).repeat_interleave(lengths),
            padded,
        )
        first = after


class Block:
    """Rows that are added to the encoding of an entity: its ids, or time bins, for example.

    A row is an encoding `(embedding_dim,)` and a bias.

    Args:
        entity: The entity's position in the interaction.
        rows: The row of each training rating, `(ratings,)`.
        count: Number of rows.
        width: `embedding_dim + 1`.
        side: Side information on the rows, if there is any.
        generator: Draws the initial values.

    Attributes:
        parts: The rows with their ratings, in parts that fit into memory.
    """

    def __init__(
        self,
        entity: int,
        rows: Tensor,
        count: int,
        width: int,
        side: SideInformation | None,
        generator: torch.Generator,
    ) -> None:
        self.entity, self.side = entity, side
        self.values = START * torch.randn(count, width, generator=generator)
        self.mean, self.precision = torch.zeros(width), torch.eye(width)
        self.parts = list(_parts(rows, count, width))

    def draw_prior(self, generator: torch.Generator) -> None:
        """Draw the mean and the precision of the rows, and the weights of side information."""
        side, rest, links = self.side, self.values, None
        if side is not None:
            rest, links = rest - side.mean(), side.links()
        self.mean, self.precision = draw_mean_and_precision(rest, links, generator)
        if side is not None:
            side.draw(self.values - self.mean, self.precision, generator)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a draw depends on, but the generator and the ratings."""
        side = None if self.side is None else self.side.state_dict()
        return {"values": self.values, "side": side}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.values.copy_(state["values"])
        if self.side is not None:
            self.side.load_state_dict(state["side"])

    def prior_mean(self) -> Tensor:
        """Return the mean of each row, `(rows, width)`."""
        if self.side is None:
            return self.mean.expand_as(self.values)
        return self.side.mean() + self.mean


@dataclass(frozen=True)
class Sample:
    """A draw of all parameters.

    Attributes:
        blocks: Rows of each block, `(rows + 1, embedding_dim + 1)`; the last row is the mean of
            the prior, for ids that are not known.
        features: The weights of side features, `(features, embedding_dim + 1)`, by the position of
            the block whose rows they explain.
    """

    blocks: tuple[Tensor, ...]
    features: Mapping[int, Tensor]


class GibbsSampler:
    """Draws samples of the parameters of an interaction.

    Args:
        interaction: A function that is linear in each entity's encoding.
        entities: The number of entities.
        blocks: The blocks, at least one for each entity.
        rows: The row of each training rating in each block, `(blocks, ratings)`.
        ratings: The training ratings, standardised, `(ratings,)`.
        generator: Source of all draws.

    Attributes:
        precision: The precision of a rating, given the parameters.
    """

    def __init__(
        self,
        interaction: Interaction,
        entities: int,
        blocks: Sequence[Block],
        rows: Tensor,
        ratings: Tensor,
        generator: torch.Generator,
    ) -> None:
        self._interaction, self._entities, self._blocks = interaction, entities, tuple(blocks)
        self._rows, self._ratings, self._generator = rows, ratings, generator
        self.precision = 1.0

    def sweep(self) -> None:
        """Draw every block once, and the precision of the ratings."""
        squares = 0.0
        for position, block in enumerate(self._blocks):
            block.draw_prior(self._generator)
            squares = self._draw(position, block)
        self.precision = draw_precision(squares, len(self._ratings), self._generator)

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next sweep depends on, but the generator."""
        return {
            "precision": self.precision,
            "blocks": [block.state_dict() for block in self._blocks],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.precision = state["precision"]
        for block, part in zip(self._blocks, state["blocks"], strict=True):
            block.load_state_dict(part)

    def sample(self) -> Sample:
        """Return the current parameters."""
        blocks = tuple(torch.cat([b.values, b.mean.unsqueeze(0)]) for b in self._blocks)
        kept = {n: None if b.side is None else b.side.kept() for n, b in enumerate(self._blocks)}
        return Sample(blocks, {n: weights for n, weights in kept.items() if weights is not None})

    def _draw(self, position: int, block: Block) -> float:
        """Draw a block's rows, given all others; return the sum of the squared residuals."""
        prior = block.prior_mean() @ block.precision
        width, squares = prior.shape[1], 0.0
        for part in block.parts:
            design, rest = self._linear(position, part.ratings)
            target = self._ratings[part.ratings] - rest
            # A column for the target, and a row of zeros for the padding.
            both = torch.cat([design, target.unsqueeze(1)], dim=1)
            both = torch.cat([both, both.new_zeros(1, width + 1)])
            sums = torch.empty(len(part.rows), width, width + 1)
            first = 0
            for count, places in part.groups:
                padded = both[places]
                torch.bmm(
                    padded[..., :width].transpose(1, 2), padded, out=sums[first : first + count]
                )
                first += count
            precision = block.precision + self.precision * sums[..., :width]
            vector = prior[part.rows] + self.precision * sums[..., width]
            root = torch.linalg.cholesky(precision)
            normal = torch.randn(len(root), width, 1, generator=self._generator)
            # With precision L Lᵀ: mean + L⁻ᵀ z = L⁻ᵀ (L⁻¹ vector + z).
            half = torch.linalg.solve_triangular(root, vector.unsqueeze(2), upper=False)
            drawn = torch.linalg.solve_triangular(root.transpose(1, 2), half + normal, upper=True)
            block.values[part.rows] = drawn = drawn.squeeze(2)
            residuals = target - (design * drawn.index_select(0, part.of)).sum(1)
            squares += float(residuals.dot(residuals))
        return squares

    def _linear(self, position: int, ratings: Tensor) -> tuple[Tensor, Tensor]:
        """Return the factors of a block's rows in the prediction, and what does not depend on them.

        Args:
            position: The block's position.
            ratings: Positions of ratings, `(n,)`.

        Returns:
            `(n, embedding_dim + 1)`, and `(n,)`.
        """
        entity = self._blocks[position].entity
        others = [b for b in range(len(self._blocks)) if b != position]
        encodings, biases = add_up(
            [self._blocks[b].values for b in others],
            [self._blocks[b].entity for b in others],
            self._rows[others][:, ratings],
            self._entities,
        )
        with torch.enable_grad():
            mine = encodings[entity].requires_grad_()
            value = self._interaction(encodings)
            (slope,) = torch.autograd.grad(value.sum(), mine)
        # The function is linear in this encoding, so its value is slope · encoding + constant.
        return torch.cat([slope, torch.ones(len(slope), 1)], dim=1), value.detach() + biases


def add_up(
    values: Sequence[Tensor], entities: Sequence[int], rows: Tensor, count: int
) -> tuple[list[Tensor], Tensor]:
    """Return the encoding of each entity, `(n, embedding_dim)`, and the sum of biases, `(n,)`.

    Args:
        values: Rows of blocks, `(rows, embedding_dim + 1)`.
        entities: The entity of each block.
        rows: A row of each block for each rating, `(blocks, n)`.
        count: Number of entities.
    """
    n, dim = rows.shape[1], values[0].shape[1] - 1
    encodings, biases = [torch.zeros(n, dim) for _ in range(count)], torch.zeros(n)
    for block, entity, places in zip(values, entities, rows, strict=True):
        looked_up = block.index_select(0, places)
        encodings[entity] += looked_up[:, :dim]
        biases += looked_up[:, dim]
    return encodings, biases


def predict(
    interaction: Interaction, sample: Sample, entities: Sequence[int], rows: Tensor
) -> Tensor:
    """Return the predictions of a sample, standardised, `(n,)`.

    Args:
        interaction: The function.
        sample: The sample.
        entities: The entity of each block.
        rows: A row of each block for each rating, `(blocks, n)`.
    """
    encodings, biases = add_up(sample.blocks, entities, rows, max(entities) + 1)
    return interaction(encodings) + biases
