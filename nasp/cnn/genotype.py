"""Genotypes of convolutional cells."""

from collections.abc import Iterable
from dataclasses import dataclass

from nasp.core.errors import NaspError
from nasp.core.genotype import Choices, Genotype


@dataclass(frozen=True)
class CellPlan:
    """A cell by the positions of its states: 0 and 1 are its inputs, 2 and on its nodes.

    Attributes:
        nodes: For each node its `(source, operation)` pairs.
        output: The states that are concatenated.
    """

    nodes: tuple[tuple[tuple[int, str], ...], ...]
    output: tuple[int, ...]


def plans(genotype: Genotype) -> tuple[CellPlan, CellPlan]:
    """The normal and the reduction cell."""
    if genotype.space != "cnn":
        raise NaspError(f"this is no genotype of CNN cells, but of {genotype.space!r}")
    return _plan(genotype.choices, "normal"), _plan(genotype.choices, "reduce")


def from_darts(
    normal: Iterable[tuple[str, int]],
    normal_concat: Iterable[int],
    reduce: Iterable[tuple[str, int]],
    reduce_concat: Iterable[int],
) -> Genotype:
    """The genotype of DARTS's `(operation, index)` tuples, two for a node."""
    cells = {"normal": (list(normal), normal_concat), "reduce": (list(reduce), reduce_concat)}
    choices: Choices = {}
    for cell, (pairs, concat) in cells.items():
        for node in range(len(pairs) // 2):
            choices[f"{cell}_{node}"] = tuple(
                (_name(source), operation) for operation, source in pairs[2 * node : 2 * node + 2]
            )
        choices[f"{cell}_output"] = tuple((_name(source), "concat") for source in concat)
    return Genotype("cnn", choices)


def _name(index: int) -> str:
    return f"input_{index}" if index < 2 else f"node_{index - 2}"


def _index(name: str) -> int:
    kind, position = name.split("_")
    return int(position) + (2 if kind == "node" else 0)


def _plan(choices: Choices, cell: str) -> CellPlan:
    nodes: list[tuple[tuple[int, str], ...]] = []
    while pairs := choices.get(f"{cell}_{len(nodes)}"):
        nodes.append(tuple((_index(source), operation) for source, operation in pairs))
    output = tuple(_index(source) for source, _ in choices.get(f"{cell}_output", ()))
    return CellPlan(tuple(nodes), output or tuple(range(2, 2 + len(nodes))))
