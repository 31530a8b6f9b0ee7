"""The interaction space of SIF (arXiv 1906.12091), with encoders; or one member of it."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import product

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.genotype import Choices, Genotype
from nasp.core.relaxation import Probes, Relaxation
from nasp.core.space import SearchSpace
from nasp.errors import NaspError, check_known, nearest
from nasp.plugins import HINT
from sif.nn.elementwise import ElementwiseMLP
from sif.nn.embeddings import Embeddings, RatingBatch, check_memory
from sif.nn.encoders import EncodedTables, RatingGraph
from sif.nn.graph import Propagation
from sif.nn.grouped_gradient import GroupedProbe
from sif.nn.operations import OPERATIONS, functions
from sif.nn.rating_model import RatingModel
from sif.options import ENCODERS, SpaceOptions

DECISION = "interaction"


class InteractionSpace(SearchSpace, RatingModel):
    """Embeddings, encoders, interaction functions and their linear heads.

    A candidate is an encoder and a function; its value is `head · f(encodings of each entity)`. The
    standardised rating is the sum of `terms` candidates with different encoders, plus biases if the
    options have them. The paper's space has the encoder `id` alone, and element-wise MLPs, which
    transform encodings before the function and are continuous architecture (§4.1 of the paper).
    The heads obey ‖w‖₂ ≤ 1. With one candidate it is the stand-alone model of a genotype.

    Args:
        sizes: Number of users, items, ...: N >= 2 numbers.
        options: The options.
        generator: Draws all initial values.
        graph: The graph of the training ratings; None if only the encoder `id` is used.
        features: The features of all rows of the table; None if there are none.
        candidates: Names in `sif.nn.operations.functions(N)`; all if None.
        terms: The encoder and the function of each term of a stand-alone model; None for a search.

    Attributes:
        stored: Tables of encodings by encoder, of a saved model, which has no graph.

    Raises:
        NaspError: There are fewer than two or too many entities, a candidate or an encoder is
            unknown, or the parameters do not fit into memory.
    """

    name = "sif"

    def __init__(
        self,
        sizes: tuple[int, ...],
        options: SpaceOptions,
        generator: torch.Generator,
        graph: RatingGraph | None = None,
        features: Propagation | None = None,
        *,
        candidates: tuple[str, ...] | None = None,
        terms: Sequence[tuple[str, str]] | None = None,
    ) -> None:
        super().__init__()
        self.options, self.graph = options, graph
        self.stored: dict[str, Tensor] = {}
        self.embeddings = Embeddings(sizes, options, generator, features)
        known, encoders, keep = functions(len(sizes)), options.encoders, options.terms
        if terms is not None:
            encoders, candidates = (
                tuple(dict.fromkeys(names)) for names in zip(*terms, strict=True)
            )
            keep = len(terms)
        elif candidates is None:
            candidates = tuple(known)
        for name in candidates:
            if name not in known:
                raise NaspError(
                    f"unknown operation {name!r}{nearest(name, known)}; the simple ones are "
                    + ", ".join(OPERATIONS)
                    + HINT
                )
        for name in encoders:
            check_known("encoder", name, ENCODERS)
        # A product of transforms near 0 has no term that is linear in one entity. Biases add such
        # terms. Without biases, (1 + u)(1 + v) has them, and heads of alternating sign cancel the
        # 1.
        self.transform = (
            ElementwiseMLP(len(sizes), 0.0 if options.biases else 1.0, generator)
            if options.elementwise
            else None
        )
        self.functions = [known[name] for name in candidates]
        self._joins = [f.plain or f for f in self.functions]
        pairs = terms or tuple(product(encoders, candidates))
        self._row = {
            (encoders.index(encoder), candidates.index(name)): row
            for row, (encoder, name) in enumerate(pairs)
        }
        widths = [f.width(options.embedding_dim) for f in self.functions]
        of_rows = torch.tensor([widths[k] for _, k in self._row])
        longest = max(widths)
        check_memory(len(of_rows) * longest, f"the heads of {len(of_rows):,} functions")
        signs = torch.ones(longest)
        if self.transform is not None:
            signs[1::2] = -1.0
        used = torch.arange(longest) < of_rows[:, None]
        # A row for each candidate, as long as the longest head; shorter heads are padded with 0.
        self.heads = nn.Parameter(signs * used / of_rows[:, None].sqrt())
        self.decisions = (
            Decision(DECISION, encoders, candidates, tuple(map(float, widths)), keep),
        )
        path = torch.zeros(len(encoders), len(candidates))
        for edge, k in list(self._row) if terms else [(edge, 0) for edge in range(keep)]:
            path[edge, k] = 1.0
        self._path = Relaxation.one_path({DECISION: path})
        self._grouped = GroupedProbe(self.functions) if terms is None else None

    def architecture(self) -> Iterator[nn.Parameter]:
        return iter(()) if self.transform is None else self.transform.parameters()

    def genotype(self, choices: Choices) -> Genotype:
        named = () if self.transform is None else self.transform.named_parameters()
        return Genotype(self.name, choices, {name: p.detach().tolist() for name, p in named})

    def encode(self) -> EncodedTables:
        """Return the tables of encodings for the current embeddings."""
        table = self.embeddings.full()[:, : self.embeddings.dim]
        return EncodedTables(table, self.graph, self.stored)

    @property
    def encoders(self) -> tuple[str, ...]:
        """The names of the encoders."""
        return self.decisions[0].sources

    @torch.no_grad()
    def encoded(self) -> dict[str, Tensor]:
        """Return the table of encodings of each encoder that needs the graph, by name."""
        tables = self.encode()
        return {name: tables[name] for name in self.encoders if ENCODERS[name].needs_graph}

    def transformed(self, entity: int, encodings: Tensor) -> Tensor:
        """Apply an entity's element-wise MLP, if there is one, to encodings `(rows, dim)`."""
        if self.transform is None:
            return encodings
        all_entities = encodings.new_zeros(len(self.embeddings.sizes), encodings.numel())
        all_entities[entity] = encodings.flatten()
        return self.transform(all_entities)[entity].view_as(encodings)  # type: ignore[no-any-return]

    @torch.no_grad()
    def encodings(self) -> list[Tensor]:
        """Return what functions get of each entity's ids, `(ids, encoders · dim)` for each."""
        tables, sizes = self.encode(), list(self.embeddings.sizes)
        parts = [torch.split(tables[name], sizes) for name in self.encoders]
        return [
            torch.cat([self.transformed(entity, part[entity]) for part in parts], dim=1)
            for entity in range(len(sizes))
        ]

    def predictor(
        self, relaxation: Relaxation | None = None
    ) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Return `rate` for many calls with the same embeddings, which are encoded once."""
        return partial(self.rate, relaxation=relaxation, tables=self.encode())

    def rate(
        self,
        rows: Tensor,
        relaxation: Relaxation | None = None,
        tables: EncodedTables | None = None,
        *,
        rated: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Predict standardised ratings.

        Args:
            rows: Rows of the table, `(entities, ratings)`.
            relaxation: Weights of the candidates; None for the terms of a stand-alone model, or the
                first candidates of a search.
            tables: The encodings of the embeddings, if they are known.
            rated: Whether the ratings are those of the graph, see `EncodedTables.look_up`.

        Returns:
            Predictions `(ratings,)`, and the embeddings with biases as last column, without what
            features add, `(entities, ratings, embedding_dim + biases)`.
        """
        looked_up = self.embeddings.look_up(rows)
        embeddings, bias = self.embeddings.parts(looked_up)
        tables, (decision,) = tables or self.encode(), self.decisions

        @cache
        def parts(edge: int) -> tuple[Tensor, ...]:
            """Return the encodings of each entity, `(ratings, embedding_dim)`."""
            encoder = decision.sources[edge]
            encoded = embeddings if encoder == "id" else tables.look_up(encoder, rows, rated)
            if self.transform is not None:
                encoded = self.transform(encoded.flatten(1)).view_as(encoded)
            return encoded.unbind()

        flat, longest = self.heads.flatten(), self.heads.shape[1]

        def run(edge: int, candidate: int) -> Tensor:
            met = self._joins[candidate](parts(edge))
            return met.mv(flat.narrow(0, self._row[edge, candidate] * longest, met.shape[1]))

        def probe(gradient: Tensor, probes: Probes | None) -> Tensor:
            """Evaluate each function of the encodings of all encoders at once."""
            assert self._grouped is not None
            heads = self.heads.view(len(decision.sources), -1, longest)
            return self._grouped(gradient, probes, parts, heads)

        grouped = None if self._grouped is None else probe
        rating = (relaxation or self._path).mix(DECISION, run, grouped)
        return (rating if bias is None else rating + bias), self.embeddings.own(rows, looked_up)

    def forward(
        self, batch: RatingBatch, relaxation: Relaxation | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return `rate` for a batch."""
        return self.rate(batch.rows, relaxation, rated=batch.rated)

    @torch.no_grad()
    def constrain(self) -> None:
        """Scale each head to ‖w‖₂ <= 1 (paper, §4.2)."""
        norms = torch.linalg.vector_norm(self.heads, dim=1, keepdim=True)
        self.heads.div_(norms.clamp_(min=1.0))


def name_of(genotype: Genotype) -> str:
    """Return the name of a genotype's interaction: its terms, `multiply of graph3 + max of id`.

    The encoder `id` is left out if it is the only one. Without terms, there are `biases`.
    """
    terms = genotype.choices[DECISION]
    if not terms:
        return "biases"
    if all(encoder == "id" for encoder, _ in terms):
        return " + ".join(function for _, function in terms)
    return " + ".join(f"{function} of {encoder}" for encoder, function in terms)
