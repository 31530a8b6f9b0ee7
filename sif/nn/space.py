"""The interaction space of SIF (arXiv 1906.12091); with one function, the found model."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.genotype import Choices, Genotype
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.errors import NaspError, nearest
from nasp.plugins import HINT
from sif.nn.elementwise import ElementwiseMLP
from sif.nn.embeddings import Embeddings, RatingBatch, check_memory
from sif.nn.grouped_gradient import GroupedProbe
from sif.nn.operations import OPERATIONS, functions
from sif.nn.rating_model import RatingModel
from sif.options import SpaceOptions

DECISION = "interaction"
SOURCE = "embeddings"


class InteractionSpace(SearchSpace, RatingModel):
    """Embeddings, element-wise MLPs, interaction functions and their linear heads.

    The standardised rating is `head_k · f_k(MLP_1(e_1), ..., MLP_N(e_N))`, plus biases if the
    options have them. The MLPs are continuous architecture (§4.1 of the paper); the heads obey
    ‖w‖₂ ≤ 1. With one candidate it is the stand-alone model of a genotype.

    Args:
        sizes: Number of users, items, ...: N >= 2 numbers.
        options: The options.
        generator: Draws all initial values.
        candidates: Names in `sif.nn.operations.functions(N)`; all if None.

    Raises:
        NaspError: There are fewer than two or too many entities, a candidate is unknown, or the
            parameters do not fit into memory.
    """

    name = "sif"

    def __init__(
        self,
        sizes: tuple[int, ...],
        options: SpaceOptions,
        generator: torch.Generator,
        candidates: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__()
        self.options = options
        self.embeddings = Embeddings(sizes, options, generator)
        known = functions(len(sizes))
        candidates = tuple(known) if candidates is None else candidates
        for name in candidates:
            if name not in known:
                raise NaspError(
                    f"unknown operation {name!r}{nearest(name, known)}; the simple ones are "
                    + ", ".join(OPERATIONS)
                    + HINT
                )
        # A product of transforms near 0 has no term that is linear in one entity. Biases add such
        # terms. Without biases, (1 + u)(1 + v) has them, and heads of alternating sign cancel the
        # 1.
        self.transform = ElementwiseMLP(len(sizes), 0.0 if options.biases else 1.0, generator)
        self.functions = [known[name] for name in candidates]
        self._joins = [f.plain or f for f in self.functions]
        widths = torch.tensor([f.width(options.embedding_dim) for f in self.functions])
        check_memory(len(widths) * int(widths.max()), f"the heads of {len(widths):,} functions")
        signs = 1.0 - 2.0 * (torch.arange(int(widths.max())) % 2)
        used = torch.arange(len(signs)) < widths[:, None]
        # A row for each candidate, as long as the longest head; shorter heads are padded with 0.
        self.heads = nn.Parameter(signs * used / widths[:, None].sqrt())
        self.decisions = (Decision(DECISION, (SOURCE,), candidates, tuple(widths.tolist())),)
        self._path = Relaxation.one_path({DECISION: torch.eye(1, len(candidates))})
        many = len(candidates) > len(OPERATIONS)
        self._grouped = GroupedProbe(self.functions) if many else None

    def architecture(self) -> Iterator[nn.Parameter]:
        return self.transform.parameters()

    def genotype(self, choices: Choices) -> Genotype:
        mlps = {name: p.detach().tolist() for name, p in self.transform.named_parameters()}
        return Genotype(self.name, choices, mlps)

    def rate(self, rows: Tensor, relaxation: Relaxation | None = None) -> tuple[Tensor, Tensor]:
        """Predict standardised ratings.

        Args:
            rows: Rows of the table, `(entities, ratings)`.
            relaxation: Weights of the candidates; None uses only the first one.

        Returns:
            Predictions `(ratings,)`, and the embeddings with biases as last column,
            `(entities, ratings, embedding_dim + biases)`.
        """
        looked_up = self.embeddings.look_up(rows)
        embeddings, bias = self.embeddings.parts(looked_up)
        entities, ratings, dim = embeddings.shape
        transformed = self.transform(embeddings.reshape(entities, -1))
        parts = transformed.view(entities, ratings, dim).unbind()

        flat, longest = self.heads.flatten(), self.heads.shape[1]

        def run(edge: int, candidate: int) -> Tensor:
            met = self._joins[candidate](parts)
            return met.mv(flat.narrow(0, candidate * longest, met.shape[1]))

        probe = None
        if self._grouped is not None:
            probe = partial(self._grouped, embeddings=parts, heads=self.heads)
        rating = (relaxation or self._path).mix(DECISION, run, probe)
        return (rating if bias is None else rating + bias), looked_up

    def forward(
        self, batch: RatingBatch, relaxation: Relaxation | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return `rate` for the rows of a batch."""
        return self.rate(batch[0], relaxation)

    @torch.no_grad()
    def constrain(self) -> None:
        """Scale each head to ‖w‖₂ <= 1 (paper, §4.2)."""
        norms = torch.linalg.vector_norm(self.heads, dim=1, keepdim=True)
        self.heads.div_(norms.clamp_(min=1.0))


def operation_of(genotype: Genotype) -> str:
    """Return the name of a genotype's interaction function."""
    return genotype.choices[DECISION][0][1]
