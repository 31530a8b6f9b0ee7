"""Metrics of rankings of the whole catalogue, without the items that a user has already."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from nasp.errors import NaspError
from nasp.metric import Metric
from sif.user_items import UserItems

Scorer = Callable[[Tensor], Tensor]
"""Scores all items for some users: int64 `(users,)` to floats `(users, items)`, largest first."""

LONGEST = 20  # items of a list that is kept for the metrics
BLOCK = 1 << 21  # scores that are ranked at once; larger blocks leave the cache and are slower
MASKED = torch.iinfo(torch.int64).min
TIES_SEED = 0


@dataclass(frozen=True)
class Ranking:
    """Where the relevant items of each user are in the ranking.

    Attributes:
        top: The best items of each user, best first, int64 `(users, length)`; -1 where all items
            that the user does not have are listed already. The length is the smaller of 20 and
            the size of the catalogue.
        hits: Which of them are relevant, bool `(users, length)`.
        first: Rank of the user's best relevant item in the whole ranking, from 1; infinity if none
            is in the catalogue, float64 `(users,)`.
        relevant: Number of relevant items, those outside of the catalogue included, int64
            `(users,)`.
        catalogue: Number of items.
    """

    top: Tensor
    hits: Tensor
    first: Tensor
    relevant: Tensor
    catalogue: int


@torch.no_grad()
def rank(score: Scorer, seen: UserItems, relevant: UserItems) -> Ranking:
    """Rank the whole catalogue for all users who have relevant items.

    Items with equal scores are in one random order, the same for all users and calls. So equal
    scores are worth what a random choice among these items is worth, whatever their positions are.
    Scores are compared in float32.

    Args:
        score: The scorer. It gets some of the users at a time.
        seen: Pairs of the training data, whose items are not ranked for their users.
        relevant: Pairs to be found; those that are in `seen` too do not count. Item -1 is an item
            outside of the catalogue, which no list contains.

    Raises:
        NaspError: No pair is left to be found, or a score is NaN.
    """
    if relevant.shape != seen.shape:
        raise ValueError(f"relevant pairs have shape {relevant.shape}, seen pairs {seen.shape}")
    relevant = relevant.without(seen)
    users = relevant.counts().nonzero()[:, 0]
    if not len(users):
        raise NaspError("there is no pair to find: give test pairs that are not in training")
    generator = torch.Generator().manual_seed(TIES_SEED)
    order = torch.randperm(seen.catalogue, generator=generator).to(users.device)
    size = max(1, BLOCK // max(1, seen.catalogue))
    # Small tensors that stay between large ones that are freed would fragment the memory.
    top = users.new_empty(len(users), min(LONGEST, len(order)))
    hits = torch.empty_like(top, dtype=torch.bool)
    first = torch.empty(len(users), dtype=torch.float64, device=users.device)
    for start in range(0, len(users), size):
        part = slice(start, start + size)
        found = _rank_block(score, seen, relevant, users[part], order)
        top[part], hits[part], first[part] = found
    return Ranking(top, hits, first, relevant.counts()[users], seen.catalogue)


def _rank_block(
    score: Scorer, seen: UserItems, relevant: UserItems, users: Tensor, order: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return `top`, `hits` and `first` of a `Ranking` for some users."""
    scores = score(users)
    if scores.shape != (len(users), len(order)):
        raise ValueError(f"scores have shape {tuple(scores.shape)}, not {len(users), len(order)}")
    if scores.amax().isnan():
        raise NaspError("a score is NaN: the model has diverged; lower its learning rate")
    keys = _keys(scores, order)
    own, wanted = seen.take(users), relevant.take(users)
    keys[own.users(), own.items] = MASKED
    best, top = keys.topk(min(LONGEST, len(order)))
    top = top.masked_fill(best == MASKED, -1)
    rows, items = wanted.users(), wanted.items
    rows, items = rows[items >= 0], items[items >= 0]
    offset = torch.arange(len(users), device=top.device)[:, None] * len(order)
    hits = torch.isin(top + offset, items + offset[rows, 0]) & (top >= 0)
    highest = torch.full((len(users),), MASKED, device=keys.device)
    highest.scatter_reduce_(0, rows, keys[rows, items], "amax")
    first = (keys > highest[:, None]).sum(1).double() + 1
    return top, hits, first.masked_fill(highest == MASKED, torch.inf)


def _keys(scores: Tensor, order: Tensor) -> Tensor:
    """Return distinct int64 numbers in the order of the scores, ties in the given order.

    The upper half of a number is the float32 score, whose bits are ordered like integers if those
    below the sign of a negative score are inverted. The lower half is the item's place in `order`.
    """
    bits = (scores.float() + 0.0).view(torch.int32)  # -0.0 + 0.0 is 0.0
    bits ^= (bits >> 31).bitwise_and_(0x7FFFFFFF)
    return torch.add(order, bits, alpha=1 << 32)


def ndcg(ranking: Ranking, k: int) -> Tensor:
    """Return the mean of DCG@k over the DCG@k of the best possible list."""
    discounts = 1 / torch.arange(2, k + 2, device=ranking.hits.device).double().log2()
    gained = (ranking.hits[:, :k] * discounts[: ranking.hits.shape[1]]).sum(1)
    ideal = discounts.cumsum(0)[ranking.relevant.clamp(max=k) - 1]
    return (gained / ideal).mean()


def recall(ranking: Ranking, k: int) -> Tensor:
    """Return the mean share of a user's relevant items that are among the first k."""
    return (ranking.hits[:, :k].sum(1).double() / ranking.relevant).mean()


def hit_rate(ranking: Ranking, k: int) -> Tensor:
    """Return the share of users with a relevant item among the first k."""
    return ranking.hits[:, :k].any(1).double().mean()


def mrr(ranking: Ranking) -> Tensor:
    """Return the mean of 1 / rank of the first relevant item in the whole ranking."""
    return (1 / ranking.first).mean()


def coverage(ranking: Ranking, k: int) -> Tensor:
    """Return the share of the catalogue that is among the first k of at least one user."""
    listed = torch.zeros(ranking.catalogue + 1, device=ranking.top.device).double()
    listed[ranking.top[:, :k]] = 1  # -1 is the last entry, which is not counted
    return listed[:-1].mean()


def _at(
    value: Callable[..., Tensor], name: str, title: str
) -> dict[Metric, Callable[[Ranking], Tensor]]:
    return {
        Metric(f"{name}_{k}", larger_is_better=True, title=f"{title}@{k}"): partial(value, k=k)
        for k in (10, LONGEST)
    }


VALUES: dict[Metric, Callable[[Ranking], Tensor]] = {
    **_at(ndcg, "ndcg", "NDCG"),
    **_at(recall, "recall", "recall"),
    **_at(hit_rate, "hit_rate", "hit rate"),
    Metric("mrr", larger_is_better=True, title="MRR"): mrr,
    **_at(coverage, "coverage", "coverage"),
}
"""The function of each metric, from a ranking to a scalar.

Validation monitors the first metric; more can be added.
"""
NDCG = next(iter(VALUES))


def evaluate_ranking(score: Scorer, seen: UserItems, relevant: UserItems) -> dict[str, float]:
    """Return the metrics in `VALUES` by name; see `rank`."""
    ranking = rank(score, seen, relevant)
    return {metric.name: float(value(ranking)) for metric, value in VALUES.items()}
