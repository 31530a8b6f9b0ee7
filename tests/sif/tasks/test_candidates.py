"""Closed forms beside what was searched: their tuning, what is left out, and averages."""

from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path

import pytest
import torch

from nasp.errors import NaspError
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import RunContext
from sif.closed_forms import CLOSED_FORMS, Ranker
from sif.closed_forms.average import average
from sif.closed_forms.ease import EASE
from sif.data.ranking_data import RankingData
from sif.evaluation.ranking import Scorer, evaluate_ranking
from sif.tasks.candidates import (
    Candidate,
    average_of,
    closed_form_candidates,
    select,
    tune_closed_forms,
)
from sif.user_items import UserItems
from tests.sif.tasks.test_ranking import encoded


def value(options: object, name: str, data: RankingData) -> float:
    model = CLOSED_FORMS[name].fit(data.train, options, torch.Generator().manual_seed(0))
    return evaluate_ranking(model.scorer(data.train), data.train, data.judged)["ndcg_10"]


def test_tuning_is_no_worse_than_the_defaults_and_resumes(tmp_path: Path) -> None:
    data = encoded()
    run = RunContext(Checkpoint(tmp_path, {}, resume=True))
    best = tune_closed_forms(data, 2, run)
    assert list(best) == list(CLOSED_FORMS)
    for name, options in best.items():
        assert value(options, name, data) >= value(CLOSED_FORMS[name].Options(), name, data)
    fits = []
    again = RunContext(Checkpoint(tmp_path, {}, resume=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sif.tasks.candidates.fit", lambda *args: fits.append(args))
        assert tune_closed_forms(data, 2, again) == best
    assert not fits


def test_without_trials_popularity_is_left() -> None:
    data = encoded()
    best = tune_closed_forms(data, 0, RunContext())
    (candidate,) = closed_form_candidates(best, data)
    assert candidate.name == "popularity"
    counts = candidate.ranker.score_lists(data.train)[0]
    assert torch.equal(counts, data.train.popularity().float())
    assert candidate.refit is not None
    refitted = candidate.refit().score_lists(data.train)[0]
    assert torch.equal(refitted, data.known().popularity().float())


def test_closed_forms_that_are_too_large_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EASE, "most_items", 5)
    monkeypatch.setattr("sif.closed_forms.als.ImplicitALS.solve", refuse)
    run = RunContext()
    with pytest.warns(UserWarning, match="is left out"):
        best = tune_closed_forms(encoded(), 1, run)
    assert run.failed == {"ease": "40 items are more than 5", "implicit_als": "no memory"}
    assert list(best) == ["popularity", "item_neighbours", "graph_filter"]


def refuse(*arguments: object) -> None:
    raise NaspError("no memory")


def test_a_checkpoint_of_something_else_is_refused() -> None:
    run = RunContext()
    run.checkpoint.put("closed form ease", {"history": []})
    with pytest.raises(NaspError, match="remove it to repeat them"):
        tune_closed_forms(encoded(), 1, run)


class Planted(Ranker):
    """Scores some users' validation items 1, and all else 0."""

    def __init__(self, data: RankingData, remainder: int) -> None:
        super().__init__(None, {})
        self.scores = torch.zeros(data.valid.shape)
        users, items = data.valid.users(), data.valid.items
        right = users % 2 == remainder
        self.scores[users[right], items[right]] = 1.0

    def score_lists(self, lists: UserItems) -> torch.Tensor:
        raise NotImplementedError

    def scorer(self, pairs: UserItems) -> Scorer:
        return lambda users: self.scores[users]


def test_an_average_joins_what_is_good_for_different_users() -> None:
    data = encoded()
    halves = [
        Candidate(name, "function", Planted(data, remainder))
        for remainder, name in enumerate(("even", "odd"))
    ]
    assert average_of(halves, data) == {"odd": 1, "even": 1}
    assert average_of(halves[:1], data) == {"even": 1}
    known = closed_form_candidates(tune_closed_forms(data, 0, RunContext()), data)
    chosen = select([*known, *halves], data, 4)
    assert [team.name for team in chosen.teams] == ["average", "odd", "even", "popularity"]
    assert chosen.teams[0].title == "average of 1 odd, 1 even"
    assert chosen.teams[0].valid["ndcg_10"] == pytest.approx(1.0)
    assert chosen.uses_function
    assert not select(known, data, 4).uses_function


def test_an_average_is_judged_as_its_whole_ranking_is(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded()
    known = closed_form_candidates(tune_closed_forms(data, 1, RunContext()), data)
    known = [one for one in known if one.name != "popularity"]
    judged = {}

    def keep(
        scores: Mapping[str, torch.Tensor], value: Callable[[torch.Tensor], float], gain: float
    ) -> dict[str, int]:
        for one, other in combinations(scores, 2):
            judged[one, other] = value((2 * scores[one] + scores[other]) / 3)
        return {known[0].name: 1}

    monkeypatch.setattr("sif.tasks.candidates.best_weights", keep)
    average_of(known, data)
    scorers = {one.name: one.ranker.scorer(data.train) for one in known}
    assert len(judged) == 6
    for (one, other), value in judged.items():
        whole = average([scorers[one], scorers[other]], [2, 1])
        assert value == pytest.approx(evaluate_ranking(whole, data.train, data.valid)["ndcg_10"])
