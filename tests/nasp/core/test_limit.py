"""An architecture within limits is near to the best one, and mistakes are named."""

import itertools

import pytest
import torch

from nasp.core.decision import Decision
from nasp.core.genotype import choices_of, projection_of
from nasp.core.limit import Limit, allowed, check_limits, swaps, within_limits
from nasp.core.projection import prox_c1
from nasp.errors import NaspError

DECISIONS = (
    Decision("a", ("p", "q"), ("skip", "conv"), (0, 9)),
    Decision("b", ("p", "q", "r"), ("skip", "conv", "none"), (0, 9, 0), 2, "none"),
)
COST = {
    d.name: {(s, k): 3.0 * (k == "conv") for s in d.sources for k in d.operations}
    for d in DECISIONS
}


def scored(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = {d.name: torch.rand(d.shape, generator=generator).double() for d in DECISIONS}
    scores["b"][:, 2] = -torch.inf
    return scores


def all_choices():
    each = []
    for d in (d.without_absent() for d in DECISIONS):
        each.append(
            [
                tuple(zip(edges, operations, strict=True))
                for edges in itertools.combinations(d.sources, d.keep)
                for operations in itertools.product(d.operations, repeat=d.keep)
            ]
        )
    for pairs in itertools.product(*each):
        yield {d.name: chosen for d, chosen in zip(DECISIONS, pairs, strict=True)}


def value(scores: dict, choices: dict) -> float:
    kept = projection_of(DECISIONS, choices)
    return sum(float(scores[name][x.bool()].sum()) for name, x in kept.items())


@pytest.mark.parametrize("most", [0.0, 3.0, 6.0, 100.0])
@pytest.mark.parametrize("skips", [1.0, 3.0])
def test_the_result_keeps_all_limits_and_loses_little(most: float, skips: float) -> None:
    few = {n: {pair: float(pair[1] == "skip") for pair in c} for n, c in COST.items()}
    limits = (Limit("budget", COST, most), Limit("max_skips", few, skips))
    feasible = [choices for choices in all_choices() if allowed(limits, choices)]
    lost = []
    for seed in range(20):
        scores = scored(seed)
        free = {d.name: prox_c1(scores[d.name], d.keep) for d in DECISIONS}
        if not feasible:
            with pytest.raises(NaspError, match="no architecture was found that keeps"):
                within_limits(limits, DECISIONS, scores, free)
            continue
        found = choices_of(DECISIONS, within_limits(limits, DECISIONS, scores, free))
        assert allowed(limits, found)
        if allowed(limits, choices_of(DECISIONS, free)):
            assert found == choices_of(DECISIONS, free)
        best = max(value(scores, choices) for choices in feasible)
        lost.append(best - value(scores, found))
    assert not lost or sum(lost) / len(lost) < 0.1


def test_swaps_are_all_single_replacements() -> None:
    (decision,) = DECISIONS[1:]
    kept = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 0]])
    found = set(swaps(decision, kept))
    assert ((0, 0), (2, 1)) in found
    assert ((0, 0), (1, 0)) not in found  # the edge is kept already
    assert len(found) == 2 * (1 + 2)  # the other operation, or either on the third edge


def test_a_limit_that_no_architecture_keeps_is_named() -> None:
    limit = Limit("budget.parameters", COST, 4.0, fixed=5.0)
    with pytest.raises(NaspError, match=r"parameters is 4, but the smallest possible is 5: raise"):
        check_limits([limit], DECISIONS)
    check_limits([Limit("budget.parameters", COST, 5.0, fixed=5.0)], DECISIONS)
