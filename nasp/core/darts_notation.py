"""A parser of DARTS's notation of cells, `Genotype(name=value, ...)`, which executes nothing."""

import ast
from collections.abc import Mapping
from typing import Any

from nasp.errors import NaspError

LONGEST_RANGE = 1000

Edges = list[tuple[str, int]]


def read_cells(text: str, cells: Mapping[str, str]) -> list[tuple[Edges, list[int]]]:
    """Read `Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), ...)`.

    Text before it, such as a variable's name or the head of a log line, is skipped.

    Args:
        text: Text that holds one genotype.
        cells: For each cell, the name of its edges and the name of the states in its output:
            `{"normal": "normal_concat", "reduce": "reduce_concat"}`.

    Returns:
        For each cell, its (operation, state) pairs and the states in its output. They are not
        checked to be a valid cell.

    Raises:
        NaspError: The text does not hold exactly one such genotype.
    """
    fields = [name for pair in cells.items() for name in pair]
    start = text.find("Genotype(")
    try:
        call = ast.parse(text[start:].strip() if start >= 0 else "", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise ValueError("not Genotype(name=value, ...)")
        if sorted(str(keyword.arg) for keyword in call.keywords) != sorted(fields):
            listed = (" and " if len(fields) == 2 else ", ").join(fields)
            raise ValueError(f"needs {listed}, each once")
        values = {str(keyword.arg): _literal(keyword.value) for keyword in call.keywords}
        return [
            ([_edge(pair) for pair in values[edges]], [_integer(state) for state in values[states]])
            for edges, states in cells.items()
        ]
    # The last two are raised for brackets that are nested too deeply for the parser.
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise NaspError(
            f"not one genotype in DARTS's notation ({error}): give "
            f"Genotype({', '.join(f'{name}=[...]' for name in fields)})"
        ) from error


def _literal(node: ast.expr) -> Any:
    """Return the value of a literal, or of `range(...)` of literals."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return ast.literal_eval(node)
    if node.func.id != "range" or node.keywords:
        raise ValueError(f"{node.func.id}(...) is not read")
    numbers = range(*(_integer(ast.literal_eval(bound)) for bound in node.args))
    if numbers[LONGEST_RANGE:]:
        raise ValueError("a range too long")
    return numbers


def _edge(pair: Any) -> tuple[str, int]:
    operation, state = pair
    if not isinstance(operation, str):
        raise ValueError(f"{operation!r} is not an operation")
    return operation, _integer(state)


def _integer(value: Any) -> int:
    if type(value) is not int:  # True is an int
        raise ValueError(f"{value!r} is not an index")
    return value
