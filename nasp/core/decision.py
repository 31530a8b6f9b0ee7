"""`Decision`, the common form of all architecture choices."""

from dataclasses import dataclass, replace
from typing import Self

from nasp.errors import NaspError


@dataclass(frozen=True)
class Decision:
    """A node that sums its candidates: `node = Σ_{e,k} A[e,k] · op_k(input_e)`.

    Attributes:
        name: Unique in its space; without a dot, because it names a parameter.
        sources: Names of the edges, which are the node's possible inputs.
        operations: Names of the operations that an edge may have.
        cost: Number of parameters of each operation, the `p_k` of the complexity regulariser.
        keep: Number of edges that the constraint C1 keeps, each with one operation.
        absent: The operation that means "no connection" (DARTS's `none`), if there is one. It takes
            weight from the others in a softmax, and no strategy ever keeps it.

    Raises:
        NaspError: A name is empty or repeated, a cost is missing or negative, `keep` is not between
            1 and the number of edges, or `absent` is not one of several operations.
    """

    name: str
    sources: tuple[str, ...]
    operations: tuple[str, ...]
    cost: tuple[float, ...]
    keep: int = 1
    absent: str | None = None

    def __post_init__(self) -> None:
        for what, names in (("sources", self.sources), ("operations", self.operations)):
            if not names or len(set(names)) != len(names):
                raise NaspError(f"decision {self.name!r}: {what} {names} must be distinct names")
        if len(self.cost) != len(self.operations) or min(self.cost) < 0:
            raise NaspError(
                f"decision {self.name!r}: cost {self.cost} must hold a number >= 0 "
                f"for each of {self.operations}"
            )
        if not 1 <= self.keep <= len(self.sources):
            raise NaspError(
                f"decision {self.name!r}: keep={self.keep} must be 1 to {len(self.sources)}"
            )
        if self.absent is not None and (
            self.absent not in self.operations or len(self.operations) == 1
        ):
            raise NaspError(
                f"decision {self.name!r}: absent={self.absent!r} must be one of several operations,"
                f" of {self.operations}"
            )

    def without_absent(self) -> Self:
        """Return the same decision with only the operations that may be kept."""
        if self.absent is None:
            return self
        offered = [k for k, name in enumerate(self.operations) if name != self.absent]
        operations = tuple(self.operations[k] for k in offered)
        cost = tuple(self.cost[k] for k in offered)
        return replace(self, operations=operations, cost=cost, absent=None)

    @property
    def shape(self) -> tuple[int, int]:
        """`(edges, operations)`, the shape of the decision's `A`."""
        return len(self.sources), len(self.operations)


def weight_name(decision: Decision, source: str, operation: str) -> str:
    """Return `arch/<decision>/<operation>`, with the edge in between if there are several."""
    edge = (source,) if len(decision.sources) > 1 else ()
    return "/".join(("arch", decision.name, *edge, operation))


def is_weight(name: str) -> bool:
    """Whether a metric's name was made by `weight_name`."""
    return name.startswith("arch/") and name.count("/") > 1
