"""Cells of NAS-Bench-201 (Dong & Yang, ICLR 2020, arXiv 2001.00326), and their notation.

Node 0 is the cell's input, node 3 its output. Each of the six edges has one of five operations,
`none` among them, and is a decision with one source: `edge_0_1`, `edge_0_2`, `edge_1_2`, ...
"""

import re
from collections.abc import Iterator

import torch

from nasp.cnn.operations import operation
from nasp.cnn.spaces import EDGE_OPERATIONS, NASBENCH201
from nasp.core.decision import Decision
from nasp.core.genotype import Choices, Genotype, check_pairs
from nasp.errors import NaspError, nearest

NODES = 4
# The benchmark's names of operations that have other names here.
NOTATION = {"conv_1x1": "nor_conv_1x1", "conv_3x3": "nor_conv_3x3"}
PART = re.compile(r"([a-z0-9_]+)~(\d+)")


def edges() -> Iterator[tuple[int, int]]:
    """Yield the source and the target of each edge, by target."""
    return ((source, target) for target in range(1, NODES) for source in range(target))


def edge_name(source: int, target: int) -> str:
    """Return the name of an edge's decision."""
    return f"edge_{source}_{target}"


def decisions(channels: int) -> tuple[Decision, ...]:
    """Return the decisions on the edges.

    Args:
        channels: Number of channels for which the weights of the operations are counted.
    """
    with torch.device("meta"):
        made = [operation(name, channels, 1, affine=False) for name in EDGE_OPERATIONS]
    cost = tuple(float(sum(p.numel() for p in module.parameters())) for module in made)
    return tuple(
        Decision(edge_name(source, target), (f"node_{source}",), EDGE_OPERATIONS, cost)
        for source, target in edges()
    )


def operations_of(genotype: Genotype) -> list[list[str]]:
    """Return the operations into each node, by source: one into node 1, two into node 2, three.

    Raises:
        NaspError: The genotype is not of this space.
    """
    choices = genotype.choices
    names = [edge_name(*edge) for edge in edges()]
    for name in choices:
        if name not in names:
            raise NaspError(
                f"the genotype's decision {name!r} is unknown{nearest(name, names)}: a cell of "
                f"{NASBENCH201} has {', '.join(names)}"
            )
    into: list[list[str]] = [[] for _ in range(1, NODES)]
    for source, target in edges():
        name = edge_name(source, target)
        pairs = choices.get(name, ())
        if len(pairs) != 1:
            raise NaspError(f"the genotype has {len(pairs)} operations on {name}: give it one")
        check_pairs(pairs, name, (f"node_{source}",), EDGE_OPERATIONS)
        into[target - 1].append(pairs[0][1])
    return into


def to_text(genotype: Genotype) -> str:
    """Return a cell as the benchmark writes it, `|none~0|+|none~0|none~1|+|none~0|none~1|none~2|`.

    Raises:
        NaspError: The genotype is not of this space.
    """
    nodes = (
        "".join(f"|{NOTATION.get(name, name)}~{source}" for source, name in enumerate(node)) + "|"
        for node in operations_of(genotype)
    )
    return "+".join(nodes)


def from_text(text: str) -> Genotype:
    """Read what `to_text` writes.

    Raises:
        NaspError: It is not such a cell.
    """
    nodes = [node.split("|") for node in text.strip().split("+")]
    form = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    if len(nodes) != NODES - 1:
        raise NaspError(f"{text.strip()!r} has {len(nodes)} nodes: write three, as in {form}")
    own = {theirs: name for name, theirs in NOTATION.items()}
    choices: Choices = {}
    for target, (first, *parts, last) in enumerate(nodes, 1):
        found = [PART.fullmatch(part) for part in parts]
        sources = [match and int(match[2]) for match in found]
        if first or last or sources != list(range(target)):
            raise NaspError(f"node {target} of {text.strip()!r} is not as in {form}")
        for source, match in enumerate(found):
            assert match is not None  # its source was read
            name = edge_name(source, target)
            choices[name] = ((f"node_{source}", own.get(match[1], match[1])),)
    genotype = Genotype(NASBENCH201, choices)
    operations_of(genotype)
    return genotype
