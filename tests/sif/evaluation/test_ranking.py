"""Metrics of rankings, against a slow and plain reference."""

from collections.abc import Callable
from math import inf, log2, nan
from statistics import mean

import pytest
import torch
from torch import Tensor

from nasp.errors import NaspError
from sif.evaluation import ranking
from sif.evaluation.ranking import Ranking, evaluate_ranking, rank
from sif.user_items import UserItems

Lists = list[set[int]]


def pairs_of(lists: Lists, catalogue: int) -> UserItems:
    users = [n for n, items in enumerate(lists) for _ in items]
    items = [item for own in lists for item in sorted(own)]
    return UserItems.of(
        torch.tensor(users, dtype=torch.int64),
        torch.tensor(items, dtype=torch.int64),
        (len(lists), catalogue),
    )


def reference(scores: Tensor, seen: Lists, relevant: Lists, missing: list[int]) -> dict[str, float]:
    """Compute the metrics user by user; `scores` have no ties."""
    values: dict[str, list[float]] = {}
    listed: dict[int, set[int]] = {10: set(), 20: set()}
    for user, own in enumerate(seen):
        wanted = relevant[user] - own
        count = len(wanted) + missing[user]
        if not count:
            continue
        left = [item for item in range(scores.shape[1]) if item not in own]
        ranked = sorted(left, key=lambda item: -float(scores[user, item]))
        for k in (10, 20):
            hits = [n for n, item in enumerate(ranked[:k]) if item in wanted]
            gained = sum(1 / log2(n + 2) for n in hits)
            ideal = sum(1 / log2(n + 2) for n in range(min(k, count)))
            values.setdefault(f"ndcg_{k}", []).append(gained / ideal)
            values.setdefault(f"recall_{k}", []).append(len(hits) / count)
            values.setdefault(f"hit_rate_{k}", []).append(float(bool(hits)))
            listed[k] |= set(ranked[:k])
        ranks = [n + 1 for n, item in enumerate(ranked) if item in wanted]
        values.setdefault("mrr", []).append(1 / ranks[0] if ranks else 0.0)
    found = {name: mean(numbers) for name, numbers in values.items()}
    return found | {f"coverage_{k}": len(items) / scores.shape[1] for k, items in listed.items()}


def random_lists(users: int, items: int, most: int, generator: torch.Generator) -> Lists:
    counts = torch.randint(0, most + 1, (users,), generator=generator)
    return [set(torch.randperm(items, generator=generator)[:n].tolist()) for n in counts]


@pytest.mark.parametrize(("items", "most"), [(60, 25), (15, 9), (30, 30), (1, 1)])
def test_metrics_are_those_of_the_reference(
    items: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for catalogues shorter than 20, users without items, and overlapping lists."""
    monkeypatch.setattr(ranking, "BLOCK", 4 * items)  # several blocks, the last one smaller
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        scores = torch.randn(31, items, generator=generator)
        seen = random_lists(31, items, most // 2, generator)
        relevant = random_lists(31, items, most, generator)
        relevant[0], relevant[1] = set(), {0}
        missing = torch.randint(0, 3, (31,), generator=generator).tolist()
        given = pairs_of(relevant, items)
        outside = torch.arange(31).repeat_interleave(torch.tensor(missing))
        given = UserItems.of(
            torch.cat([given.users(), outside]),
            torch.cat([given.items, torch.full_like(outside, -1)]),
            (31, items),
        )
        found = evaluate_ranking(lambda users: scores[users], pairs_of(seen, items), given)  # noqa: B023
        assert found == pytest.approx(reference(scores, seen, relevant, missing), abs=1e-12)


def test_metrics_of_a_ranking_by_hand() -> None:
    scores = torch.tensor([[5.0, 4, 3, 2, 1]]).repeat(2, 1)
    seen, relevant = pairs_of([{0}, set()], 5), pairs_of([{2, 4}, {3}], 5)
    found = evaluate_ranking(lambda users: scores[users], seen, relevant)
    first = (1 / log2(3) + 1 / log2(5)) / (1 + 1 / log2(3))
    assert found["ndcg_10"] == pytest.approx((first + 1 / log2(5)) / 2)
    assert found["mrr"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert found["recall_10"] == found["hit_rate_20"] == found["coverage_10"] == 1


def test_perfect_scores_have_the_best_values() -> None:
    generator = torch.Generator().manual_seed(0)
    relevant = random_lists(20, 50, 30, generator)
    scores = torch.zeros(20, 50)
    for user, items in enumerate(relevant):
        scores[user, list(items)] = 1.0
    seen = pairs_of([set()] * 20, 50)
    found = evaluate_ranking(lambda u: scores[u], seen, pairs_of(relevant, 50))
    best = ("ndcg_10", "ndcg_20", "mrr", "hit_rate_10")
    assert [found[name] for name in best] == pytest.approx([1.0] * 4)
    wanted = [len(items) for items in relevant if items]
    assert found["recall_10"] == pytest.approx(mean(min(10, n) / n for n in wanted))


@pytest.mark.parametrize("test_items", [range(5), range(395, 400)], ids=["first", "last"])
@pytest.mark.parametrize("constant", [0.0, -3.0, inf])
def test_equal_scores_favour_no_position(test_items: range, constant: float) -> None:
    """The lists for equal scores are random, so their values are about those of a random list."""
    users = 50
    found = evaluate_ranking(
        lambda u: torch.full((len(u), 400), constant),
        pairs_of([set()] * users, 400),
        pairs_of([set(test_items)] * users, 400),
    )
    assert found["recall_20"] <= 0.2  # 5 of 400 items; the first 20 positions would give 1
    assert found["mrr"] <= 0.2
    assert found["coverage_10"] == 10 / 400  # all users get the same list


def ranking_of(scores: list[list[float]], catalogue: int, wanted: Lists) -> Ranking:
    table = torch.tensor(scores)
    return rank(
        lambda u: table[u], pairs_of([set()] * len(scores), catalogue), pairs_of(wanted, catalogue)
    )


def test_ties_are_in_one_random_order() -> None:
    """The order is the same for all users, does not depend on scores, and separates only ties."""
    zeros = ranking_of([[0.0] * 40] * 2, 40, [{3}, {3}])
    order = zeros.top[0].tolist()
    assert order == zeros.top[1].tolist()
    assert order != list(range(20)) and order != list(range(39, 19, -1))
    ones = ranking_of([[1.0 if n % 2 else 0.0 for n in range(40)]], 40, [{3}])
    whole = ranking_of([[-1e-30] * 40], 40, [{3}]).top[0].tolist()
    assert whole == order
    assert ones.top[0].tolist()[:5] == [n for n in order if n % 2][:5]
    signed = ranking_of([[0.0 if n % 2 else -0.0 for n in range(40)]], 40, [{3}])
    assert signed.top[0].tolist() == order


def test_scores_of_either_sign_and_infinities_are_ordered() -> None:
    scores = [-inf, -2.5, -1e-38, 0.0, 1e-38, 1.0, 1.0000001, 3e38, inf]
    mixed = [scores[n] for n in (4, 0, 8, 2, 6, 1, 7, 3, 5)]
    found = ranking_of([mixed], 9, [{1}])
    assert [mixed[n] for n in found.top[0].tolist()] == scores[::-1]
    assert found.first.tolist() == [9.0]


def test_a_user_who_has_all_other_items_gets_a_short_list() -> None:
    seen, relevant = pairs_of([{0, 1, 3}], 4), pairs_of([{2}], 4)
    found = rank(lambda u: torch.tensor([[9.0, 8.0, -5.0, 7.0]]), seen, relevant)
    assert found.top.tolist() == [[2, -1, -1, -1]]
    assert found.hits.tolist() == [[True, False, False, False]]
    assert evaluate_ranking(lambda u: torch.zeros(1, 4), seen, relevant)["coverage_20"] == 0.25


def test_only_users_with_pairs_to_find_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "BLOCK", 6)
    asked: list[int] = []

    def score(users: Tensor) -> Tensor:
        asked.extend(users.tolist())
        return torch.zeros(len(users), 3)

    seen = pairs_of([{0}, {1}, {2}, {0}, {1}], 3)
    rank(score, seen, pairs_of([{1}, {1}, set(), {2}, {0}], 3))
    assert asked == [0, 3, 4]


@pytest.mark.parametrize("number", [nan, -nan])
def test_wrong_scores_and_pairs_are_refused(number: float) -> None:
    seen, relevant = pairs_of([{0}], 3), pairs_of([{1}], 3)
    scorer: Callable[[Tensor], Tensor] = lambda users: torch.tensor([[0.0, number, 1.0]])  # noqa: E731
    with pytest.raises(NaspError, match="NaN"):
        rank(scorer, seen, relevant)
    with pytest.raises(NaspError, match="no pair to find"):
        rank(scorer, seen, seen)
    with pytest.raises(ValueError, match=r"shape \(1, 2\)"):
        rank(lambda users: torch.zeros(1, 2), seen, relevant)
    with pytest.raises(ValueError, match="relevant pairs have shape"):
        rank(scorer, seen, pairs_of([{1}, {1}], 3))
