"""Genotypes of CNN cells, and their conversion to and from DARTS's notation.

The decisions are the nodes of the two cells, `normal_0`, `normal_1`, ... and `reduce_0`, ..., each
with its `(source, operation)` pairs. Sources are `input_0` (the cell before the previous one),
`input_1` (the previous cell), and `node_0`, `node_1`, ... of the same cell. The output of a cell
concatenates all of its nodes. If it concatenates only some, `normal_output` or `reduce_output`
lists them as `(source, "concat")`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nasp.cnn import nasbench201
from nasp.cnn.operations import OPERATIONS
from nasp.cnn.spaces import NASBENCH201
from nasp.core.darts_notation import read_cells
from nasp.core.genotype import Choices, Genotype, check_pairs
from nasp.errors import NaspError, nearest

SPACE = "cnn"
CELLS = ("normal", "reduce")
INPUT_LABELS = ("c_{k-2}", "c_{k-1}")  # labels of input_0 and input_1 in drawings
INPUTS = len(INPUT_LABELS)
CONCAT = "concat"

Edges = Sequence[tuple[str, int]]
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CellPlan:
    """The structure of a cell, with states numbered as in DARTS (Liu et al., ICLR 2019).

    Attributes:
        nodes: For each node, the (state, operation) pairs that it sums. The first states are the
            inputs, two or one; the nodes follow.
        output: The states that the output concatenates.
        inputs: Number of inputs.
    """

    nodes: tuple[tuple[tuple[int, str], ...], ...]
    output: tuple[int, ...]
    inputs: int = INPUTS

    @property
    def labels(self) -> list[str]:
        """Return the labels of the states in drawings and tables."""
        own = range(len(self.nodes)) if self.inputs == INPUTS else range(1, len(self.nodes) + 1)
        return [*INPUT_LABELS[-self.inputs :], *map(str, own)]


class Darts(NamedTuple):
    """Two cells in DARTS's notation: (operation, state) pairs, two for each node in turn."""

    normal: list[tuple[str, int]]
    normal_concat: list[int]
    reduce: list[tuple[str, int]]
    reduce_concat: list[int]


def plans(genotype: Genotype) -> tuple[CellPlan, ...]:
    """Return the plans of the normal and of the reduction cell, or of NAS-Bench-201's only cell.

    Raises:
        NaspError: The genotype is of another space, or breaks the convention above.
    """
    if genotype.space == NASBENCH201:
        nodes = tuple(
            tuple((source, name) for source, name in enumerate(node))
            for node in nasbench201.operations_of(genotype)
        )
        return (CellPlan(nodes, (len(nodes),), inputs=1),)
    if genotype.space != SPACE:
        raise NaspError(
            f"a genotype of the space {genotype.space!r}, but CNN cells are needed: "
            "give the genotype of a CNN search"
        )
    choices = genotype.choices
    counts = {cell: _count(choices, cell) for cell in CELLS}
    known = {f"{cell}_{node}" for cell in CELLS for node in (*range(counts[cell]), "output")}
    for name in choices:
        if name not in known:
            raise NaspError(
                f"the genotype's decision {name!r} is unknown or follows a gap"
                f"{nearest(name, known)}: nodes are normal_0, normal_1, ... and reduce_0, ... "
                "with none left out"
            )
    normal, reduce = (_plan(choices, cell, counts[cell]) for cell in CELLS)
    return normal, reduce


def from_darts(
    normal: Edges, normal_concat: Sequence[int], reduce: Edges, reduce_concat: Sequence[int]
) -> Genotype:
    """Return the genotype of cells in DARTS's notation, the inverse of `to_darts`.

    Args:
        normal: (operation, state) pairs of the normal cell, two for each node in turn. NASP's
            `conv 3x3` and `sep_3x3` stand for `conv_3x3` and `sep_conv_3x3`.
        normal_concat: The states that the output of the normal cell concatenates.
        reduce: Like `normal`, for the reduction cell.
        reduce_concat: Like `normal_concat`, for the reduction cell.

    Raises:
        NaspError: They are not valid cells.
    """
    choices: Choices = {}
    cells = ((normal, normal_concat), (reduce, reduce_concat))
    for cell, (edges, concat) in zip(CELLS, cells, strict=True):
        if len(edges) % 2:
            raise NaspError(f"{cell} has {len(edges)} pairs, but DARTS's nodes have two each")
        pairs = [(_source(state), _spelling(operation)) for operation, state in edges]
        for node, both in enumerate(zip(pairs[::2], pairs[1::2], strict=True)):
            choices[f"{cell}_{node}"] = both
        if list(concat) != list(range(INPUTS, INPUTS + len(edges) // 2)):
            choices[f"{cell}_output"] = tuple((_source(state), CONCAT) for state in concat)
    genotype = Genotype(SPACE, choices)
    plans(genotype)
    return genotype


def to_darts(genotype: Genotype) -> Darts:
    """Return the cells in DARTS's notation.

    Raises:
        NaspError: It is not a genotype of CNN cells, or a node does not have two operations.
    """
    if len(cells := plans(genotype)) != len(CELLS):
        raise NaspError(f"a cell of the space {genotype.space} cannot be told in DARTS's notation")
    normal, reduce = cells
    return Darts(
        _edges(normal, "normal"), list(normal.output), _edges(reduce, "reduce"), list(reduce.output)
    )


def darts_text(genotype: Genotype) -> str:
    """Return the cells as a line for DARTS's `genotypes.py`; raises like `to_darts`."""
    fields = to_darts(genotype)._asdict().items()
    return f"Genotype({', '.join(f'{name}={value}' for name, value in fields)})"


def text_of(genotype: Genotype) -> str:
    """Return the genotype in the notation of its space, in one line; `parse` reads it."""
    if genotype.space == NASBENCH201:
        return nasbench201.to_text(genotype)
    return darts_text(genotype)


def parse(text: str) -> Genotype:
    """Read a genotype in DARTS's notation or in NAS-Bench-201's.

    Raises:
        NaspError: It is not a genotype.
    """
    return nasbench201.from_text(text) if text.lstrip().startswith("|") else parse_darts(text)


def parse_darts(text: str) -> Genotype:
    """Read `Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), ...)`.

    Text before it, such as a variable's name or the head of a log line, is skipped. Nothing is
    executed.

    Raises:
        NaspError: The text does not hold exactly one such genotype, or its cells are not valid.
    """
    normal, reduce = read_cells(text, {cell: f"{cell}_concat" for cell in CELLS})
    return from_darts(*normal, *reduce)


def label(name: str) -> str:
    """Return the papers' label of a source or node: `c_{k-2}`, `c_{k-1}`, `0`, `1`, ..."""
    kind, _, number = name.rpartition("_")
    return INPUT_LABELS[int(number)] if kind == "input" else number


def _count(choices: Choices, cell: str) -> int:
    """Return the number of nodes of a cell before the first missing one."""
    count = 0
    while f"{cell}_{count}" in choices:
        count += 1
    if count == 0:
        raise NaspError(
            f"the genotype has no {cell}_0: it needs a normal cell, normal_0, normal_1, ..., "
            "and a reduction cell, reduce_0, reduce_1, ..."
        )
    return count


def _plan(choices: Choices, cell: str, count: int) -> CellPlan:
    states = [_source(state) for state in range(INPUTS + count)]
    operations = [name for name in OPERATIONS if name != "none"]
    nodes = []
    for node in range(count):
        name = f"{cell}_{node}"
        pairs = _pairs(choices[name], name, states[: INPUTS + node], operations)
        nodes.append(tuple((states.index(source), operation) for source, operation in pairs))
    name = f"{cell}_output"
    everything = tuple((source, CONCAT) for source in states[INPUTS:])
    pairs = _pairs(choices.get(name, everything), name, states[INPUTS:], [CONCAT])
    if len(set(pairs)) < len(pairs):
        raise NaspError(f"{name} lists a node twice: keep one of them")
    return CellPlan(tuple(nodes), tuple(states.index(source) for source, _ in pairs))


def _pairs(pairs: Pairs, name: str, sources: Sequence[str], operations: Sequence[str]) -> Pairs:
    """Check the pairs of a decision, and return them."""
    if not pairs:
        raise NaspError(f"{name} is empty: give it at least one (source, operation)")
    check_pairs(pairs, name, sources, operations)
    return pairs


def _edges(plan: CellPlan, cell: str) -> list[tuple[str, int]]:
    for node, pairs in enumerate(plan.nodes):
        if len(pairs) != 2:
            raise NaspError(f"{cell}_{node} has {len(pairs)} operation(s): DARTS's nodes have two")
    return [(operation, state) for pairs in plan.nodes for state, operation in pairs]


def _source(state: int) -> str:
    return f"input_{state}" if state < INPUTS else f"node_{state - INPUTS}"


def _spelling(operation: str) -> str:
    """Return the name of an operation in this project, given that in NASP's code."""
    return re.sub(r"^(sep|dil)_(?=\d)", r"\1_conv_", operation.replace(" ", "_"))
