"""Genotypes of recurrent cells, and their conversion to and from DARTS's notation.

The decisions are the nodes `node_1`, `node_2`, ..., each with one `(source, operation)`. Sources
are `node_0`, which is computed from the input and the previous state, and the earlier nodes. The
output of a cell is the mean of all of its nodes but node 0. If it is the mean of only some, the
decision `output` lists them as `(source, "mean")`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nasp.core.darts_notation import read_cells
from nasp.core.decision import Decision
from nasp.core.genotype import Choices, Genotype, check_pairs
from nasp.errors import NaspError, nearest
from nasp.rnn.operations import OPERATIONS

SPACE = "rnn"
NODES = 8
OUTPUT, MEAN = "output", "mean"


@dataclass(frozen=True)
class CellPlan:
    """The structure of a cell, with states numbered as in DARTS: 0, then the nodes from 1.

    Attributes:
        nodes: The (state, operation) of each node.
        output: The states whose mean is the cell's output.
    """

    nodes: tuple[tuple[int, str], ...]
    output: tuple[int, ...]


def decisions_of(nodes: int = NODES, none: bool = False) -> tuple[Decision, ...]:
    """Return the decisions on the nodes; the cost of an activation is 0, as it has no weights.

    Args:
        nodes: Number of nodes without node 0.
        none: Whether `none`, which means "no connection", is one of the operations.
    """
    operations = (*(("none",) if none else ()), *OPERATIONS)
    return tuple(
        Decision(
            f"node_{node}",
            tuple(f"node_{state}" for state in range(node)),
            operations,
            (0.0,) * len(operations),
            absent="none" if none else None,
        )
        for node in range(1, nodes + 1)
    )


def plan_of(genotype: Genotype) -> CellPlan:
    """Return the plan of a cell with any number of nodes.

    Raises:
        NaspError: The genotype is of another space, or breaks the convention above.
    """
    if genotype.space != SPACE:
        raise NaspError(
            f"a genotype of the space {genotype.space!r}, but a recurrent cell is needed: "
            "give the genotype of an RNN search"
        )
    choices, count = genotype.choices, 0
    while f"node_{count + 1}" in choices:
        count += 1
    if count == 0:
        raise NaspError("the genotype has no node_1: a recurrent cell has node_1, node_2, ...")
    states = [f"node_{state}" for state in range(count + 1)]
    known = [*states[1:], OUTPUT]
    for name in choices:
        if name not in known:
            raise NaspError(
                f"the genotype's decision {name!r} is unknown or follows a gap"
                f"{nearest(name, known)}: nodes are node_1, node_2, ... with none left out"
            )
    nodes = []
    for node in range(1, count + 1):
        pairs = _checked(choices, states[node], states[:node], list(OPERATIONS))
        if len(pairs) != 1:
            raise NaspError(f"{states[node]} has {len(pairs)} choices: a node has one")
        nodes.append(pairs[0])
    if OUTPUT not in choices:
        return CellPlan(tuple(nodes), tuple(range(1, count + 1)))
    output = [state for state, _ in _checked(choices, OUTPUT, states, [MEAN])]
    if not output or 0 in output or len(set(output)) < len(output):
        raise NaspError("output must list one or more nodes from node_1 on, each once")
    return CellPlan(tuple(nodes), tuple(output))


def from_darts(recurrent: Sequence[tuple[str, int]], concat: Sequence[int]) -> Genotype:
    """Return the genotype of a cell in DARTS's notation.

    Args:
        recurrent: The (operation, state) of each node in turn.
        concat: The states whose mean is the output.

    Raises:
        NaspError: It is not a valid cell.
    """
    choices: Choices = {
        f"node_{node}": ((f"node_{state}", operation),)
        for node, (operation, state) in enumerate(recurrent, 1)
    }
    if list(concat) != list(range(1, len(recurrent) + 1)):
        choices[OUTPUT] = tuple((f"node_{state}", MEAN) for state in concat)
    genotype = Genotype(SPACE, choices)
    plan_of(genotype)
    return genotype


def darts_text(genotype: Genotype) -> str:
    """Return the cell as a line for DARTS's `genotypes.py`.

    Raises:
        NaspError: It is not a genotype of a recurrent cell.
    """
    plan = plan_of(genotype)
    recurrent = [(operation, state) for state, operation in plan.nodes]
    every = plan.output == tuple(range(1, len(plan.nodes) + 1))
    concat = f"range(1, {len(plan.nodes) + 1})" if every else str(list(plan.output))
    return f"Genotype(recurrent={recurrent}, concat={concat})"


def parse_darts(text: str) -> Genotype:
    """Read `Genotype(recurrent=[('sigmoid', 0), ...], concat=range(1, 9))`.

    Text before it, such as a variable's name or the head of a log line, is skipped. Nothing is
    executed.

    Raises:
        NaspError: The text does not hold exactly one such genotype, or its cell is not valid.
    """
    [(recurrent, concat)] = read_cells(text, {"recurrent": "concat"})
    return from_darts(recurrent, concat)


def _checked(
    choices: Choices, name: str, sources: list[str], operations: list[str]
) -> list[tuple[int, str]]:
    """Check the pairs of a decision, and return them as (state, operation)."""
    check_pairs(choices[name], name, sources, operations)
    return [(sources.index(source), operation) for source, operation in choices[name]]
