"""The operations of interaction functions (SIF, arXiv 1906.12091, §4.1), and their compositions.

A function of two embeddings is one operation. Functions of three or more can be compositions
(§4.3): `max(plus(user,item),context)` is the element-wise maximum of a sum and a third embedding.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import combinations, permutations, product

import torch
from torch import Tensor

from nasp.errors import NaspError
from nasp.registry import Registry

MOST_COMPOSED = 4  # largest number of embeddings with all compositions and orders as candidates
MOST = 32  # largest number of embeddings


def _max(a: Tensor, b: Tensor) -> Tensor:
    # torch.maximum divides the gradient of ties, which makes its backward pass several times
    # slower.
    return torch.where(a > b, a, b)


def _min(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(a < b, a, b)


def _concat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(tuple(parts), dim=-1)


def _side_by_side(embedding_dim: int, parts: int) -> int:
    return embedding_dim * parts


@dataclass(frozen=True)
class Operation:
    """An operation on N embeddings.

    Attributes:
        join: A module-level function (so that estimators can be pickled) from N tensors
            `(..., embedding_dim)` to `(..., width)`.
        wide: Returns the width, given embedding_dim and N. None if the output has the length of an
            embedding, so that it can be an operand of other operations.
        ordered: Whether the order of the embeddings matters, so that each order is a candidate.
        multilinear: Whether it is linear in each of the embeddings.
    """

    join: Callable[[Sequence[Tensor]], Tensor]
    wide: Callable[[int, int], int] | None = None
    ordered: bool = False
    multilinear: bool = False

    def __call__(self, parts: Sequence[Tensor]) -> Tensor:
        """Apply the operation."""
        return self.join(parts)


OPERATIONS = Registry[Operation](
    {
        "plus": Operation(partial(reduce, torch.add), multilinear=True),
        "multiply": Operation(partial(reduce, torch.mul), multilinear=True),
        "max": Operation(partial(reduce, _max)),
        "min": Operation(partial(reduce, _min)),
        "concat": Operation(_concat, wide=_side_by_side, multilinear=True),
    }
)
"""Operations by name. All are candidates in every search."""


@dataclass(frozen=True)
class Function:
    """A tree of operations over embeddings.

    Attributes:
        operation: Name of the last operation.
        parts: Its operands: positions of entities, or functions of them.
    """

    operation: str
    parts: tuple["int | Function", ...]

    def width(self, embedding_dim: int) -> int:
        """Return the size of the output, which is that of its linear head."""
        wide = OPERATIONS[self.operation].wide
        return embedding_dim if wide is None else wide(embedding_dim, len(self.parts))

    @property
    def plain(self) -> Callable[[Sequence[Tensor]], Tensor] | None:
        """Return the operation if it is the only one, on all embeddings in order, else None."""
        alone = self.parts == tuple(range(len(self.parts)))
        return OPERATIONS[self.operation].join if alone else None

    def __call__(
        self, embeddings: Sequence[Tensor], known: dict["Function", Tensor] | None = None
    ) -> Tensor:
        """Compute the function of embeddings, each `(ratings, embedding_dim)`: `(ratings, width)`.

        Args:
            embeddings: The embeddings of each entity.
            known: Values of functions that were evaluated before; this call adds its own.
        """
        if known is not None and self in known:
            return known[self]
        parts = [
            embeddings[part] if isinstance(part, int) else part(embeddings, known)
            for part in self.parts
        ]
        value = OPERATIONS[self.operation](parts)
        if known is not None:
            known[self] = value
        return value


def functions(entities: int) -> dict[str, Function]:
    """Return all different interaction functions of N embeddings, by name, single operations first.

    The element-wise operations are commutative and associative. So functions are the same if they
    differ only in the order of operands, or in the nesting of the same operation. There are 5
    functions of two embeddings, 53 of three, and 897 of four. For an ordered operation of up to
    four operands, each order is a function, for example `attend` and `attend(item,user)`.

    For five and more embeddings there are too many functions (21,025 for five). So the only
    compositions are those of one pair, whose result is combined with all others: 165 functions of
    five, 245 of six.

    Raises:
        NaspError: There are more embeddings than `MOST`.
    """
    if entities > MOST:
        raise NaspError(
            f"{entities} entity columns: an interaction function joins at most {MOST}; name those "
            "that matter with --columns"
        )
    names = entity_names(entities)
    everything = tuple(range(entities))
    rooted = _rooted if entities <= MOST_COMPOSED else _paired
    compositions = [f for op in OPERATIONS for f in rooted(op, everything)]
    ranked = sorted(compositions, key=_depth)  # stable
    return {_text(function, names): function for function in ranked}


def entity_names(entities: int) -> tuple[str, ...]:
    """Return the embeddings' names: user, item, and contexts, numbered if there are several."""
    contexts = entities - 2
    numbered = (f"context{i + 1}" for i in range(contexts))
    return ("user", "item", *(("context",) if contexts == 1 else numbered))


def _rooted(operation: str, members: tuple[int, ...]) -> Iterator[Function]:
    """Yield the functions of all `members` with this last operation."""
    for blocks in _partitions(members):
        if len(blocks) == 1:
            continue
        choices: list[list[int | Function]] = [
            [block[0]]
            if len(block) == 1
            else [f for op in _inner(operation) for f in _rooted(op, block)]
            for block in blocks
        ]
        for parts in product(*choices):
            # Compound parts first: `max(plus(user,item),context)`.
            first = tuple(sorted(parts, key=lambda p: isinstance(p, int)))
            yield from _in_orders(operation, first)


def _paired(operation: str, members: tuple[int, ...]) -> Iterator[Function]:
    """Yield the operation on all members, and on each pair's result with all other members."""
    yield from _in_orders(operation, members)
    for pair in combinations(members, 2):
        rest = tuple(m for m in members if m not in pair)
        for op in _inner(operation):
            for first in _in_orders(op, pair):
                yield from _in_orders(operation, (first, *rest))


def _inner(operation: str) -> Iterator[str]:
    """Yield the operations whose results may be operands of this one."""
    return (op for op, made in OPERATIONS.items() if made.wide is None and op != operation)


def _in_orders(operation: str, parts: "tuple[int | Function, ...]") -> Iterator[Function]:
    """Yield the operation on its operands, in each order that gives another function."""
    if OPERATIONS[operation].ordered and len(parts) <= MOST_COMPOSED:
        return (Function(operation, order) for order in permutations(parts))
    return iter((Function(operation, parts),))


def _partitions(members: tuple[int, ...]) -> Iterator[list[tuple[int, ...]]]:
    """Yield all partitions of members into blocks, regardless of order."""
    if not members:
        yield []
        return
    first, *rest = members
    for chosen in product((True, False), repeat=len(rest)):
        with_first = (first, *(m for m, take in zip(rest, chosen, strict=True) if take))
        others = tuple(m for m, take in zip(rest, chosen, strict=True) if not take)
        for blocks in _partitions(others):
            yield [with_first, *blocks]


def _depth(function: "int | Function") -> int:
    return 0 if isinstance(function, int) else 1 + max(_depth(p) for p in function.parts)


def _text(function: "int | Function", names: tuple[str, ...], *, root: bool = True) -> str:
    if isinstance(function, int):
        return names[function]
    if root and function.parts == tuple(range(len(names))):
        return function.operation
    parts = ",".join(_text(part, names, root=False) for part in function.parts)
    return f"{function.operation}({parts})"
