"""`RankingModel`: a ranker with the ids of its pairs, which recommends items."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.files.schema import (
    anything,
    mapping,
    number,
    optional,
    section,
    sequence,
    tensor,
    text,
)
from nasp.metric import Metrics
from nasp.runs.model_file import ModelFormat, read_model, write_model
from sif.closed_forms.base import matrix_of
from sif.data import Encoder, Table, find_ids, report_unknown_ids
from sif.evaluation.ranking import BLOCK, NDCG, Scorer, evaluate_ranking
from sif.models.feature_popularity import STATE, FeaturePopularity
from sif.models.members import MEMBER, Member, joined
from sif.models.parts import checked_ids, checked_place, frame_positions
from sif.user_items import UserItems

POPULARITY = "popularity"
BASES = ("items", POPULARITY, "features")  # what users are ranked by
SCHEMA = section(
    {
        "name": text,
        "genotype": optional(text),
        "members": sequence(MEMBER),
        "encoder": section({"columns": sequence(text, 2), "ids": sequence(checked_ids, 2)}),
        "pairs": tensor(torch.int32, (2, None)),
        "later": tensor(torch.int32, (2, None)),
        "titles": optional(sequence(text)),
        "cold": optional(STATE),
        "fitted_with": mapping(anything),
        "valid_ndcg_10": optional(number()),
    }
)
KIND = ModelFormat(
    "sif ranking",
    2,
    content="model of rankings",
    noun="model",
    schema=SCHEMA,
)


class RankingModel:
    """A ranker, or an average of several, that recommends items.

    Attributes:
        name: What the ranker is, for example `ease`.
        members: The rankers; with several of them, their standardised scores are averaged.
        encoder: Ids of users and items.
        pairs: The pairs that the rankers were fitted to.
        later: Further pairs, whose items are not recommended to their users: those of the test.
        titles: The title of each item, empty if it is not known; None if the data have none.
        cold: Scores users who have features and no pairs; None without features of users.
        genotype: The genotype of the function, if one is a member.
        fitted_with: Options of the search and the training, by name.
        valid_ndcg_10: Validation NDCG@10 by which the model was chosen; None if it is not known.
    """

    def __init__(
        self,
        name: str,
        members: Sequence[Member],
        encoder: Encoder,
        pairs: UserItems,
        later: UserItems | None = None,
        titles: Sequence[str] | None = None,
        genotype: Genotype | None = None,
        fitted_with: Mapping[str, Any] | None = None,
        valid_ndcg_10: float | None = None,
        cold: FeaturePopularity | None = None,
    ) -> None:
        self.name, self.members, self.encoder = name, tuple(members), encoder
        self.pairs, self.later = pairs, pairs.without(pairs) if later is None else later
        self.titles = None if titles is None else tuple(titles)
        self.genotype, self.fitted_with = genotype, dict(fitted_with or {})
        self.valid_ndcg_10, self.cold = valid_ndcg_10, cold

    # Use.

    def recommend(
        self, users: Any = None, n: int = 10, *, exclude_seen: bool = True
    ) -> pd.DataFrame:
        """Return the best items for one, many or all users.

        A user without pairs gets the items that are most popular among users with the same
        features, if the model knows the user's, or else among all.

        Args:
            users: The id of a user, a list of ids, or None for all users of the model.
            n: Number of items for each user; fewer are returned if fewer are left.
            exclude_seen: Whether to leave out items that the user has.

        Returns:
            Columns: that of the users' ids, `rank` from 1, that of the items' ids, `title` if the
            data have titles, `score`, and `based_on`: the user's `items`, or, for a user without
            any, `features` or `popularity`. Scores of different users cannot be compared.

        Raises:
            NaspError: `n` is below 1, or a value cannot be an id.
        """
        user_column, known = self.encoder.columns[0], self.encoder.ids[0]
        if users is None:
            given: pd.Series = pd.Series(known)
            positions = np.arange(len(known))
        else:
            several = isinstance(users, list | tuple | np.ndarray | pd.Series | pd.Index)
            given = pd.Series(users if several else [users])
            positions = find_ids(given, known, user_column)
        found, at = self._best(torch.from_numpy(positions), n, exclude_seen)
        found.insert(0, user_column, given.to_numpy()[at])
        bases = np.array(BASES, object)[self._bases(torch.from_numpy(positions)).numpy()]
        found["based_on"] = bases[at]
        return found

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the score of each row's item for its user, float64 `(rows,)`.

        Scores of different users cannot be compared. An item that the model does not know has the
        lowest score of all items; see `recommend` for users without pairs.

        Args:
            frame: A table with the columns of users and items; others are ignored.

        Raises:
            NaspError: A column or an id is missing, or all ids of a column are unknown.
        """
        places = [torch.from_numpy(p) for p in frame_positions(self.encoder, frame)]
        users, at = torch.unique(places[0], return_inverse=True)
        order, score = at.argsort(stable=True), self.scorer()
        values = torch.empty(len(at), dtype=torch.float64)
        size = max(1, BLOCK // max(1, self.pairs.catalogue))
        for start in range(0, len(users), size):
            scores = score(users[start : start + size]).double()
            rows = order[(at[order] >= start) & (at[order] < start + size)]
            chosen = scores[at[rows] - start, places[1][rows].clamp(min=0)]
            lowest = scores.amin(1)[at[rows] - start]
            values[rows] = torch.where(places[1][rows] >= 0, chosen, lowest)
        return values.numpy()

    def fold_in(self, items: Sequence[Any], user: Any = None, n: int = 10) -> pd.DataFrame:
        """Return the best items for a list of items, without training.

        Args:
            items: Ids of the items of a new user, or new items of a known one.
            user: The id of the known user, whose own items count, too; None for a new user.
            n: Number of items; fewer are returned if fewer are left.

        Returns:
            Columns: `rank` from 1, that of the items' ids, `title` if the data have titles, and
            `score`. Items of the list are left out.

        Raises:
            NaspError: No item is known, the user is not known, or `n` is below 1.
        """
        column = self.encoder.columns[1]
        given = pd.Series(list(items))
        at = find_ids(given, self.encoder.ids[1], column)
        report_unknown_ids(at, given, self.encoder.ids[1], column)
        own = torch.from_numpy(at[at >= 0])
        if user is not None:
            place = torch.tensor([self._position(0, user)])
            own = torch.cat([own, self.pairs.take(place).items, self.later.take(place).items])
        if not len(own):
            raise NaspError("there are no items: give some that the model knows")
        lists = UserItems.of(torch.zeros_like(own), own, (1, self.pairs.catalogue))
        parts = [member.ranker.score_lists(lists) for member in self.members]
        scores = joined([part.__getitem__ for part in parts], self.members)(torch.tensor([0]))
        scores[0, own] = -torch.inf
        return self._table(*_top(scores, n))[0].drop(columns="row")

    def similar_items(self, item: Any, n: int = 10) -> pd.DataFrame:
        """Return the items whose users are most like those of an item.

        Args:
            item: The item's id.
            n: Number of items.

        Returns:
            Columns: that of the items' ids, `title` if the data have titles, and `similarity`, the
            cosine of the two items' users, best first. Items without common users are left out.

        Raises:
            NaspError: The item is not known.
        """
        by_item = UserItems.of(self.pairs.items, self.pairs.users(), self.pairs.shape[::-1])
        found = self._similar(by_item, 1, item, n)
        if self.titles is not None:
            at = found.pop("at").to_numpy()
            found.insert(1, "title", [self.titles[place] for place in at])
        return found.drop(columns="at", errors="ignore")

    def similar_users(self, user: Any, n: int = 10) -> pd.DataFrame:
        """Return the users whose items are most like those of a user; see `similar_items`."""
        return self._similar(self.pairs, 0, user, n).drop(columns="at")

    def evaluate(self, table: Table, *, trivial: bool = True) -> Metrics:
        """Evaluate the model on pairs that it was not fitted to.

        The whole catalogue is ranked without the user's known items. See `recommend` for users
        without known pairs; a pair with an unknown item counts as not found.

        Args:
            table: Checked pairs with the columns of the model.
            trivial: Whether to evaluate popularity, too.

        Returns:
            The metrics of `sif.evaluation.ranking.VALUES` by name; `cold_users` and `unseen_items`,
            the numbers of users and items without known pairs; and, if asked for,
            `ndcg_10_popularity`.

        Raises:
            NaspError: No user or no item is known, or all pairs are known.
        """
        lists = self.encode(table)
        seen = _with_rows(self.pairs, lists.shape[0] - self.pairs.shape[0])
        cold = int(((lists.counts() > 0) & (seen.counts() == 0)).sum())
        items = table.ids[1].take(np.unique(table.code(1)))
        at = find_ids(items, self.encoder.ids[1], self.encoder.columns[1])
        unseen = int((~np.isin(at, self.pairs.items.numpy())).sum())
        metrics = evaluate_ranking(self.scorer(), seen, lists)
        metrics |= {"cold_users": float(cold), "unseen_items": float(unseen)}
        if trivial:
            of_popularity = evaluate_ranking(self.popularity(), seen, lists)
            metrics[f"{NDCG.name}_{POPULARITY}"] = of_popularity[NDCG.name]
        return metrics

    def encode(self, table: Table) -> UserItems:
        """Return the pairs of a table.

        The users of the model come first, then those that it does not know. The item of a pair is
        -1 if the model does not know it.

        Raises:
            NaspError: A column is missing, or all ids of a column are unknown.
        """
        places = self.encoder.positions(table)
        for name, ids, found in zip(self.encoder.columns, self.encoder.ids, places, strict=True):
            entity = table.columns.index(name)
            if not (found >= 0).any():
                given = table.ids[entity].take(table.code(entity))
                report_unknown_ids(found, given, ids, f"column {name}")
        users, entity = places[0].astype(np.int64), table.columns.index(self.encoder.columns[0])
        new, at = np.unique(table.code(entity)[users < 0], return_inverse=True)
        users[users < 0] = self.pairs.shape[0] + at
        items = torch.from_numpy(places[1].astype(np.int64))
        shape = (self.pairs.shape[0] + len(new), self.pairs.catalogue)
        return UserItems.of(torch.from_numpy(users), items, shape)

    def add_seen(self, table: Table) -> None:
        """Add further pairs, whose items are not recommended to their users."""
        known = self.encode(table).take(torch.arange(self.pairs.shape[0]))
        users, items = known.users(), known.items
        kept = items >= 0
        more = UserItems.of(users[kept], items[kept], self.pairs.shape)
        self.later = self.later.union(more)

    def scorer(self) -> Scorer:
        """Return the scorer of users by position; those after the last one have no pairs."""
        own = joined([member.ranker.scorer(self.pairs) for member in self.members], self.members)
        scorers = (
            [own, self.popularity()]
            if self.cold is None
            else [own, self.popularity(), self.cold.score]
        )

        def score(users: Tensor) -> Tensor:
            bases = self._bases(users)
            scores = torch.empty(len(users), self.pairs.catalogue)
            for basis, scorer in enumerate(scorers):
                if (there := bases == basis).any():
                    scores[there] = scorer(users[there])
            return scores

        return score

    def popularity(self) -> Scorer:
        """Return a scorer by numbers of users, the same for all users."""
        counts = self.pairs.popularity().float()
        return lambda users: counts.expand(len(users), -1)

    def _bases(self, users: Tensor) -> Tensor:
        """Return what each user is ranked by, a position in `BASES`.

        Users are given by position; -1 or a number after the last user is unknown.
        """
        known = (users >= 0) & (users < self.pairs.shape[0])
        at = torch.where(known, users, 0)
        bases = torch.full(users.shape, BASES.index(POPULARITY))
        if self.cold is not None:
            bases[known & self.cold.has(at)] = BASES.index("features")
        bases[known & (self.pairs.counts()[at] > 0)] = BASES.index("items")
        return bases

    def _best(self, users: Tensor, n: int, exclude_seen: bool) -> tuple[pd.DataFrame, np.ndarray]:
        """Return the table of the best items of users, and the place of each row's user."""
        score, seen = self.scorer(), self.pairs.union(self.later)
        tops = []
        size = max(1, BLOCK // max(1, self.pairs.catalogue))
        for part in torch.split(users, size):
            scores = score(part)
            if exclude_seen:
                known = (part >= 0).nonzero()[:, 0]
                own = seen.take(part[known])
                scores[known[own.users()], own.items] = -torch.inf
            tops.append(_top(scores, n))
        if not tops:
            tops = [_top(torch.zeros(0, self.pairs.catalogue), n)]
        table, rows = self._table(*map(torch.cat, zip(*tops, strict=True)))
        return table.drop(columns="row"), rows

    def _table(self, values: Tensor, items: Tensor) -> tuple[pd.DataFrame, np.ndarray]:
        """Return ranks, ids, titles and scores of top lists, without the items left out."""
        rows, ranks = (values > -torch.inf).nonzero().T
        chosen = items[rows, ranks].numpy()
        columns = {"row": rows.numpy(), "rank": ranks.numpy() + 1}
        columns[self.encoder.columns[1]] = self.encoder.ids[1].take(chosen)
        if self.titles is not None:
            columns["title"] = np.array(self.titles, object)[chosen]
        columns["score"] = values[rows, ranks].numpy()
        return pd.DataFrame(columns), rows.numpy()

    def _similar(self, rows: UserItems, entity: int, value: Any, n: int) -> pd.DataFrame:
        place = self._position(entity, value)
        matrix = matrix_of(rows)
        common = torch.from_numpy((matrix @ matrix[[place]].T).toarray()[:, 0])
        counts = rows.counts().clamp(min=1).float()
        cosines = common / (counts * counts[place]).sqrt()
        cosines[place] = 0
        values, at = cosines.topk(min(_checked(n), len(cosines)))
        values, at = values[values > 0], at[values > 0]
        ids = self.encoder.ids[entity].take(at.numpy())
        return pd.DataFrame(
            {self.encoder.columns[entity]: ids, "similarity": values.numpy(), "at": at.numpy()}
        )

    def _position(self, entity: int, value: Any) -> int:
        name, ids = self.encoder.columns[entity], self.encoder.ids[entity]
        position = int(find_ids([value], ids, name)[0])
        if position < 0:
            raise NaspError(f"the model knows no {name} {value!r}: ask for {ids[0]!s} for example")
        return position

    # Files.

    def save(self, path: Path | str) -> None:
        """Write the model to a file, atomically.

        Raises:
            NaspError: The folder does not exist.
            OSError: The file cannot be written; the previous file is unchanged.
        """
        path = checked_place(path)
        body = {
            "name": self.name,
            "genotype": None if self.genotype is None else self.genotype.to_json(),
            "members": [member.state() for member in self.members],
            "encoder": self.encoder.state_dict(),
            "pairs": _as_rows(self.pairs),
            "later": _as_rows(self.later),
            "titles": None if self.titles is None else list(self.titles),
            "cold": None if self.cold is None else self.cold.state(),
            "fitted_with": self.fitted_with,
            "valid_ndcg_10": self.valid_ndcg_10,
        }
        write_model(path, KIND, body)

    @staticmethod
    def load(path: Path | str, device: torch.device | str = "cpu") -> "RankingModel":
        """Read a file that `save` wrote, without executing anything in it.

        Args:
            path: The file.
            device: Ignored, as rankers score on the CPU.

        Raises:
            NaspError: The file is missing, damaged or of another version.
        """

        def build(body: dict[str, Any]) -> RankingModel:
            encoder = Encoder.from_state_dict(body["encoder"])
            shape = encoder.sizes[0], encoder.sizes[1]
            pairs, later = (_as_pairs(body[part], shape) for part in ("pairs", "later"))
            titles, genotype = body["titles"], body["genotype"]
            if titles is not None and len(titles) != shape[1]:
                raise NaspError(f"{path}: {len(titles)} titles for {shape[1]} items")
            model = RankingModel(
                body["name"],
                [Member.from_state(part) for part in body["members"]],
                encoder,
                pairs,
                later,
                titles,
                None if genotype is None else Genotype.from_json(genotype, str(path)),
                body["fitted_with"],
                body["valid_ndcg_10"],
                None if body["cold"] is None else FeaturePopularity.from_state(body["cold"], shape),
            )
            model.check(path)
            return model

        return read_model(Path(path), KIND, build)

    def check(self, path: Path | str) -> None:
        """Check that the rankers fit the ids.

        Raises:
            NaspError: They do not.
        """
        for member in self.members:
            member.check(self.pairs, path)
        if not self.members:
            raise NaspError(f"{path}: the model has no ranker")


def _top(scores: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return the values and positions of the best scores of each row, best first."""
    values, at = scores.topk(min(_checked(n), scores.shape[1]), dim=1)
    return values, at


def _checked(n: int) -> int:
    if n < 1:
        raise NaspError(f"n is {n}; ask for 1 item or more")
    return n


def _as_rows(pairs: UserItems) -> Tensor:
    return torch.stack([pairs.users(), pairs.items]).int()


def _as_pairs(rows: Tensor, shape: tuple[int, int]) -> UserItems:
    """Return the pairs of a file; raises ValueError if a position is that of no id."""
    users, items = rows.long()
    if len(items) and items.min() < 0:
        raise ValueError("a pair has no item")
    return UserItems.of(users, items, shape)


def _with_rows(pairs: UserItems, count: int) -> UserItems:
    """Return the same pairs with further users who have none."""
    more = pairs.starts[-1:].expand(count)
    return replace(pairs, starts=torch.cat([pairs.starts, more]))
