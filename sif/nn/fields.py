"""The space of functions of many fields, or one member of it."""

from collections.abc import Sequence
from itertools import combinations, product

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.genotype import Choices, Genotype, projection_of
from nasp.core.relaxation import Choice, Probes, Relaxation
from nasp.core.space import SearchSpace
from nasp.errors import NaspError
from sif.nn import towers
from sif.nn.embeddings import check_memory
from sif.nn.field_model import ClickBatch, FieldModel, field_embeddings
from sif.nn.graph import Propagation
from sif.nn.operations import OPERATIONS
from sif.nn.pairs import meet, width
from sif.nn.towers import NONE, Dropout, Tower, TowerValues
from sif.options import FieldOptions

PAIRS, TOWER = "pairs", "tower"


class FieldSpace(SearchSpace, FieldModel):
    """Embeddings of many fields, functions of their pairs, and towers over all of them.

    The logit is the sum of a bias for each id and of two decisions:

    - `pairs`: its edges are the pairs of fields, its operations those of `sif.nn.operations`, each
      with a linear head of its own. The constraint keeps `options.pairs` of the pairs, or all.
    - `tower`: its edges are the towers, all of which are kept; its operations are no layers, one to
      three cross layers, and one to three hidden layers, each with a linear head of its own.

    A factorisation machine is all pairs with `multiply` and no tower. With choices it is the
    stand-alone model of a genotype, which has only the parameters that these choices use.

    Args:
        fields: Names of the fields, two or more.
        sizes: Number of table rows of each field: one for each id, and one for unknown ids.
        options: The options.
        generator: Draws all initial values, and the masks of dropout.
        choices: The choices of a stand-alone model; None for a search.
        features: The features of all rows of the table; None if there are none.

    Raises:
        NaspError: There are fewer than two fields, `options.pairs` is larger than the number of
            pairs, the choices are not of this space, or the parameters do not fit into memory.
    """

    name = "fields"

    def __init__(
        self,
        fields: tuple[str, ...],
        sizes: tuple[int, ...],
        options: FieldOptions,
        generator: torch.Generator,
        choices: Choices | None = None,
        features: Propagation | None = None,
    ) -> None:
        super().__init__()
        self.options = options
        self.embeddings = field_embeddings(sizes, options, generator, features)
        self.decisions = decisions(fields, options, choices)
        pairs, tower = self.decisions
        self._fields = list(combinations(range(len(fields)), 2))
        self._path: Relaxation | None = None
        if choices is not None:
            self._path = Relaxation.one_path(projection_of(self.decisions, choices))
        used = {d.name: [*product(d.sources, d.operations)] for d in self.decisions}
        used |= {name: [*chosen] for name, chosen in (choices or {}).items()}
        self._row = {
            (pairs.sources.index(pair), pairs.operations.index(operation)): row
            for row, (pair, operation) in enumerate(used[PAIRS])
        }
        dim, inputs = options.embedding_dim, len(fields) * options.embedding_dim
        widths = torch.tensor([width(operation, dim) for _, operation in used[PAIRS]])
        longest = int(widths.max())
        check_memory(len(widths) * longest, f"the heads of {len(widths):,} functions of pairs")
        # A row for each candidate, as long as the longest head; shorter heads are padded with 0.
        shown = torch.arange(longest) < widths[:, None]
        # Products start as those of a factorisation machine; all other functions start with norm 1.
        ones = torch.tensor([operation == "multiply" for _, operation in used[PAIRS]])[:, None]
        self.heads = nn.Parameter(shown / torch.where(ones, 1.0, widths[:, None].sqrt()))
        self._largest: Tensor
        largest = torch.linalg.vector_norm(self.heads.detach(), dim=1, keepdim=True)
        self.register_buffer("_largest", largest, persistent=False)
        self._each_tower = [
            Tower(inputs, [name for e, name in used[TOWER] if e == edge], options, generator)
            for edge in tower.sources
        ]
        self.towers = nn.ModuleList(self._each_tower)
        self.dropout = Dropout(options.dropout, generator)

    def genotype(self, choices: Choices) -> Genotype:
        return Genotype(self.name, choices)

    def rate(
        self, rows: Tensor, relaxation: Relaxation | None = None, *, trained: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return logits and embeddings; without a relaxation, of the stand-alone model."""
        relaxation = relaxation or self._path
        if relaxation is None:
            raise ValueError("a search space has no function of its own: give a relaxation")
        looked_up = self.embeddings.look_up(rows)
        embeddings, bias = self.embeddings.parts(looked_up)
        logit = self._pairs(embeddings, relaxation) + self._towers(embeddings, relaxation, trained)
        return (logit if bias is None else logit + bias), looked_up

    def forward(
        self, batch: ClickBatch, relaxation: Relaxation | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return `rate` for a batch."""
        return self.rate(batch.rows, relaxation, trained=batch.trained)

    @torch.no_grad()
    def constrain(self) -> None:
        """Scale heads of pairs down to their first norms, so that the penalty limits all scales."""
        norms = torch.linalg.vector_norm(self.heads, dim=1, keepdim=True)
        self.heads.div_((norms / self._largest).clamp_(min=1.0))

    def _pairs(self, embeddings: Tensor, relaxation: Relaxation) -> Tensor:
        """Return the value of the decision `pairs`, `(rows,)`."""
        decision = self.decisions[0]

        def rows(choices: Sequence[Choice]) -> Tensor:
            positions = torch.tensor([self._row[choice] for choice in choices])
            return positions.to(self.heads.device)

        def sum_of(choices: Sequence[Choice], embeddings: Tensor, heads: Tensor) -> Tensor:
            named = [(*self._fields[edge], decision.operations[k]) for edge, k in choices]
            return meet(embeddings, named, heads)

        def total(choices: Sequence[Choice]) -> Tensor:
            return sum_of(choices, embeddings, self.heads.index_select(0, rows(choices)))

        def probe(gradient: Tensor, probes: Probes | None) -> Tensor:
            """Evaluate all candidates at once.

            Their sum is linear in the heads. So ⟨∂L/∂node, head · op(u, v)⟩ is the product of a
            head and of the gradient with respect to it.
            """
            asked = probes if probes is not None else dict.fromkeys(self._row, 1.0)
            positions = rows([*asked])
            with torch.enable_grad():
                heads = self.heads.detach().index_select(0, positions).requires_grad_()
                value = sum_of([*asked], embeddings.detach(), heads)
                (by_head,) = torch.autograd.grad(value, heads, gradient)
            entries = heads.new_zeros(decision.shape)
            found = (by_head * heads.detach()).sum(1)
            edges, operations = torch.tensor([*asked]).T.to(entries.device)
            entries[edges, operations] = found * found.new_tensor([*asked.values()])
            return entries

        return relaxation.mix(
            PAIRS, lambda edge, operation: total([(edge, operation)]), probe, total
        )

    def _towers(self, embeddings: Tensor, relaxation: Relaxation, trained: bool) -> Tensor:
        """Return the value of the decision `tower`, `(rows,)`."""
        operations = self.decisions[1].operations
        joined = embeddings.transpose(0, 1).flatten(1)
        dropout = self.dropout if trained else None
        values = [TowerValues(tower, joined, dropout) for tower in self._each_tower]
        return relaxation.mix(TOWER, lambda edge, k: values[edge].value(operations[k]))


def decisions(
    fields: Sequence[str], options: FieldOptions, choices: Choices | None = None
) -> tuple[Decision, Decision]:
    """Return the decisions `pairs` and `tower`.

    Args:
        fields: Names of the fields.
        options: The options.
        choices: Choices of a stand-alone model, whose numbers are kept; None for those of the
            options.

    Raises:
        NaspError: There are not so many pairs.
    """
    sources = tuple(f"{a},{b}" for a, b in combinations(fields, 2))
    kept, count = options.pairs or len(sources), options.towers
    if choices is not None:
        kept, count = (max(1, len(choices.get(name, ()))) for name in (PAIRS, TOWER))
    if kept > len(sources):
        raise NaspError(f"pairs is {kept}; {len(fields)} fields have {len(sources)} pairs")
    dim, operations = options.embedding_dim, (NONE, *towers.OPERATIONS)
    costs = tuple(towers.cost(name, len(fields) * dim, options) for name in operations)
    edges = tuple(f"tower{number + 1}" for number in range(count))
    widths = tuple(float(width(name, dim)) for name in OPERATIONS)
    return (
        Decision(PAIRS, sources, tuple(OPERATIONS), widths, kept),
        Decision(TOWER, edges, operations, costs, count),
    )
