"""The interaction space of SIF (arXiv 1906.12091), and, with one operation, the found model."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.errors import NaspError
from nasp.core.genotype import Choices, Genotype
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from sif.elementwise import ElementwiseMLP
from sif.operations import OPERATIONS, width

DECISION = "interaction"
SOURCE = "embeddings"

Batch = tuple[Tensor, Tensor]
"""Table rows `(ratings, entities)`, int64, and standardised ratings `(ratings,)`."""


@dataclass
class SpaceOptions:
    """What the interaction space consists of.

    Attributes:
        embedding_dim: Length of an embedding.
        embedding_std: Standard deviation of the embeddings' normal start values.
        biases: Add a global bias and one for each user, item and other entity.
        penalty: `squared` adds `weight_decay` times the mean over the batch of the squared norm of
            a rating's embeddings and biases; `norm`, as the paper has it, adds `weight_decay`
            times the sum of the Frobenius norms of the batch's embedding matrices, not squared.
        weight_decay: Weight of the penalty, in units of squared standardised ratings.
    """

    embedding_dim: int = 8
    embedding_std: float = 0.1
    biases: bool = True
    penalty: Literal["squared", "norm"] = "squared"
    weight_decay: float = 0.05

    def __post_init__(self) -> None:
        for name in ("embedding_dim", "embedding_std"):
            if not getattr(self, name) > 0:
                raise NaspError(f"{name} is {getattr(self, name)}; it must be above 0")
        if not self.weight_decay >= 0:
            raise NaspError(f"weight_decay is {self.weight_decay}; it must be 0 or more")


class InteractionSpace(SearchSpace):
    """Embeddings, element-wise MLPs, an operation that joins them and its linear head.

    The rating is `head_k · op_k(MLP_1(e_1), ..., MLP_N(e_N))`, plus biases where the options have
    them, in standardised units. The MLPs are continuous architecture (§4.1 of the paper); the
    heads obey ‖w‖₂ ≤ 1. With one operation it is the stand-alone model of a genotype.

    Args:
        sizes: Number of users, items, ...: N >= 2 numbers.
        options: What it consists of.
        generator: Source of all start values.
        operations: The candidates, names in `sif.operations.OPERATIONS`.

    Raises:
        NaspError: Fewer than two entities, or an unknown operation.
    """

    name = "sif"

    def __init__(
        self,
        sizes: tuple[int, ...],
        options: SpaceOptions,
        generator: torch.Generator,
        operations: tuple[str, ...] = tuple(OPERATIONS),
    ) -> None:
        super().__init__()
        if len(sizes) < 2:
            raise NaspError(f"an interaction needs two entities or more, not {len(sizes)}")
        if unknown := [name for name in operations if name not in OPERATIONS]:
            raise NaspError(f"unknown operation {unknown[0]!r}; there are {', '.join(OPERATIONS)}")
        self.sizes, self.options, self.operations = sizes, options, operations
        dim, rows = options.embedding_dim, sum(sizes)
        # One table for all entities, the bias as the last column: one gather and one scatter.
        table = options.embedding_std * torch.randn(rows, dim, generator=generator)
        if options.biases:
            table = torch.cat([table, torch.zeros(rows, 1)], dim=1)
            self.bias = nn.Parameter(torch.zeros(()))
        self.table = nn.Parameter(table)
        # A product of transforms near 0 has no part that is linear in one entity. Biases supply it;
        # without them (1 + u)(1 + v) does, and heads of alternating sign cancel the constant.
        self.transform = ElementwiseMLP(len(sizes), 0.0 if options.biases else 1.0, generator)
        self.heads = nn.ParameterDict()
        for name in operations:
            sign = 1.0 - 2.0 * (torch.arange(width(name, len(sizes), dim)) % 2)
            self.heads[name] = nn.Parameter(sign / sign.norm())
        cost = tuple(float(self.heads[name].numel()) for name in operations)
        self.decisions = (Decision(DECISION, (SOURCE,), operations, cost),)

    def architecture(self) -> Iterator[nn.Parameter]:
        return self.transform.parameters()

    def genotype(self, choices: Choices) -> Genotype:
        mlps = {name: p.detach().tolist() for name, p in self.transform.named_parameters()}
        return Genotype(self.name, choices, mlps)

    def rate(self, rows: Tensor, relaxation: Relaxation) -> tuple[Tensor, Tensor]:
        """Predict standardised ratings.

        Args:
            rows: Rows of the table, `(entities, ratings)`: `positions.T + offsets`.
            relaxation: Weights of the operations.

        Returns:
            Predictions `(ratings,)` and what was looked up, embeddings with the bias as last
            column, `(entities, ratings, embedding_dim + biases)`.
        """
        dim = self.options.embedding_dim
        # index_select rather than embedding: its backward pass is several times faster on a CPU.
        looked_up = self.table.index_select(0, rows.flatten()).view(
            *rows.shape, self.table.shape[1]
        )
        embeddings, bias = looked_up, None
        if self.options.biases:
            embeddings, bias = torch.split(looked_up, [dim, 1], dim=-1)
        flat = embeddings.reshape(len(self.sizes), -1)
        parts = self.transform(flat).view(len(self.sizes), -1, dim).unbind()

        def run(edge: int, operation: int) -> Tensor:
            name = self.operations[operation]
            value: Tensor = OPERATIONS[name](parts).mv(self.heads[name])
            return value

        rating = relaxation.mix(DECISION, run)
        if bias is not None:
            rating = rating + bias.sum((0, 2)) + self.bias
        return rating, looked_up

    def forward(self, batch: Batch, relaxation: Relaxation) -> Tensor:
        """Mean squared error plus the embeddings' penalty (paper, eq. 5), a scalar."""
        rows, ratings = batch
        rating, looked_up = self.rate(rows, relaxation)
        residual = rating - ratings
        loss: Tensor = residual.dot(residual) / len(ratings)
        if self.options.penalty == "norm":
            penalty = torch.linalg.vector_norm(looked_up, dim=(1, 2)).sum()
        else:
            penalty = looked_up.square().sum() / len(ratings)
        return torch.add(loss, penalty, alpha=self.options.weight_decay)

    @torch.no_grad()
    def constrain(self) -> None:
        """Scale each head to ‖w‖₂ <= 1 (paper, §4.2)."""
        for head in self.heads.values():
            if head.grad is not None:  # only these have moved
                head.div_(torch.linalg.vector_norm(head).clamp(min=1.0))
