"""`Limit`: a bound on the total cost of the kept candidates, which an architecture must keep."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from nasp.core.decision import Decision
from nasp.core.genotype import Choices, choices_of
from nasp.core.relaxation import Choice
from nasp.errors import NaspError

Projection = dict[str, Tensor]


@dataclass(frozen=True)
class Limit:
    """A bound on the sum of the costs of the kept candidates, for example of their parameters.

    Attributes:
        name: Name of the option that sets the limit, for messages.
        cost: Cost of each candidate, for the decisions that have costs:
            `cost[decision][source, operation]`.
        most: The largest sum.
        fixed: Cost of the rest of the network, which is included in `most`.
    """

    name: str
    cost: Mapping[str, Mapping[tuple[str, str], float]]
    most: float
    fixed: float = 0.0

    def of(self, decision: str, pair: tuple[str, str]) -> float:
        """Return the cost of a candidate, `(source, operation)`."""
        return self.cost[decision][pair] if decision in self.cost else 0.0

    def total(self, choices: Choices) -> float:
        """Return the cost of an architecture."""
        return self.fixed + sum(self.of(n, pair) for n, pairs in choices.items() for pair in pairs)


def allowed(limits: Sequence[Limit], choices: Choices) -> bool:
    """Whether an architecture keeps all limits."""
    return all(limit.total(choices) <= limit.most for limit in limits)


def check_limits(limits: Sequence[Limit], decisions: Sequence[Decision]) -> None:
    """Check that each limit alone can be kept.

    Raises:
        NaspError: The cheapest architecture exceeds a limit.
    """
    for limit in limits:
        least = limit.fixed
        for decision in (d.without_absent() for d in decisions):
            cheapest = sorted(
                min(limit.of(decision.name, (source, k)) for k in decision.operations)
                for source in decision.sources
            )
            least += sum(cheapest[: decision.keep])
        if least > limit.most:
            raise NaspError(
                f"{limit.name} is {limit.most:g}, but the smallest possible is {least:g}: raise it"
            )


def within_limits(
    limits: Sequence[Limit],
    decisions: tuple[Decision, ...],
    scores: Mapping[str, Tensor],
    projection: Projection,
) -> Projection:
    """Return a projection onto C1 that keeps the limits.

    As long as a limit is exceeded, the kept candidate is replaced whose replacement loses the least
    score for what it saves. This is greedy; the result is near to the best, which is a knapsack
    problem.

    Args:
        limits: The limits.
        decisions: The decisions.
        scores: The scores of the candidates, `(edges, operations)` for each decision, on the host;
            minus infinity for candidates that are never kept.
        projection: The projection onto C1 without limits, likewise.

    Raises:
        NaspError: No sequence of such replacements keeps all limits.
    """
    if not limits:  # called at each step of an architecture
        return projection
    projection = {name: kept.clone() for name, kept in projection.items()}
    while True:
        choices = choices_of(decisions, projection)
        excess = {limit.name: limit.total(choices) - limit.most for limit in limits}
        over = next((limit for limit in limits if excess[limit.name] > 0), None)
        if over is None:
            return projection
        best = None
        for decision in decisions:
            if decision.name not in over.cost:
                continue
            a = scores[decision.name].tolist()
            for old, new in swaps(decision, projection[decision.name]):
                lost = a[old[0]][old[1]] - a[new[0]][new[1]]
                more = {limit.name: _difference(limit, decision, old, new) for limit in limits}
                if more[over.name] >= 0 or any(
                    more[other.name] > 0 and excess[other.name] + more[other.name] > 0
                    for other in limits
                ):
                    continue
                price = lost / min(-more[over.name], excess[over.name])
                if best is None or price < best[0]:
                    best = price, decision.name, old, new
        if best is None:
            raise NaspError(
                f"no architecture was found that keeps {over.name} {over.most:g} and the other "
                "limits: raise one of them"
            )
        _, name, old, new = best
        projection[name][old], projection[name][new] = 0.0, 1.0


def _difference(limit: Limit, decision: Decision, old: Choice, new: Choice) -> float:
    before, after = ((decision.sources[e], decision.operations[k]) for e, k in (old, new))
    return limit.of(decision.name, after) - limit.of(decision.name, before)


def swaps(decision: Decision, kept: Tensor) -> Iterator[tuple[Choice, Choice]]:
    """Yield all pairs of a kept candidate and one that may take its place.

    Args:
        decision: The decision.
        kept: Its projection onto C1, `(edges, operations)`.
    """
    active = [(edge, k) for edge, k in kept.nonzero().tolist()]
    edges, operations = decision.shape
    for old in active:
        others = {edge for edge, _ in active} - {old[0]}
        for edge in (e for e in range(edges) if e not in others):
            for k in range(operations):
                if (edge, k) != old and decision.operations[k] != decision.absent:
                    yield old, (edge, k)
