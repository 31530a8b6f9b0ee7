"""Rankings that compete with what was searched: closed forms, tuned, and averages of the best."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nasp.errors import NaspError
from nasp.files.schema import mapping, number, section, sequence
from nasp.metric import Metrics
from nasp.runs.context import RunContext
from sif.closed_forms import CLOSED_FORMS, ClosedForm, Ranker
from sif.closed_forms.average import average, standardised
from sif.closed_forms.tuning import next_options, start
from sif.data.ranking_data import RankingData, some_users
from sif.evaluation.ranking import BLOCK, LONGEST, NDCG, VALUES, Ranking, Scorer, evaluate_ranking
from sif.models.members import FUNCTION
from sif.models.ranking import POPULARITY
from sif.tasks.averages import best_weights
from sif.user_items import UserItems

TUNING_SEED = 0
GAIN = 0.002  # smallest relative gain of an average over its best member
AVERAGED_SCORES = 1 << 28  # largest number of users × items by which averages are judged
LISTED = 100  # items of each candidate among which an average has its best ones

AVERAGE = "average"
Trials = list[dict[str, Any]]
SECTION = section({"trials": sequence(section({"options": mapping(number()), "value": number()}))})


@dataclass(frozen=True)
class Candidate:
    """A ranker that may be the answer.

    Attributes:
        name: Its name for people, for example `ease` or `multiply of history`.
        kind: A name in `CLOSED_FORMS`, or `function`.
        ranker: The ranker, fitted to training pairs.
        refit: Makes the same ranker of training and validation pairs; None for a function, which is
            trained for that.
    """

    name: str
    kind: str
    ranker: Ranker
    refit: Callable[[], Ranker] | None = None


@dataclass(frozen=True)
class Team:
    """A candidate alone, or an average of several.

    Attributes:
        name: The name of the candidate, or `average`.
        weights: The weight of each candidate, by its name.
        valid: Metrics on the validation pairs that judge epochs, by name.
    """

    name: str
    weights: Mapping[str, int]
    valid: Metrics

    @property
    def title(self) -> str:
        """The name for people; that of an average names its members and their weights."""
        if self.name != AVERAGE:
            return self.name
        return "average of " + ", ".join(f"{n} {name}" for name, n in self.weights.items())


@dataclass(frozen=True)
class Selection:
    """What validation chose.

    Attributes:
        candidates: The candidates by name.
        teams: All candidates and, if it is better than its members, their average; best first.
    """

    candidates: Mapping[str, Candidate]
    teams: Sequence[Team]

    @property
    def uses_function(self) -> bool:
        """Whether a function is the best, or a part of it."""
        kinds = {self.candidates[name].kind for name in self.teams[0].weights}
        return FUNCTION in kinds


def select(candidates: Sequence[Candidate], data: RankingData, members: int) -> Selection:
    """Rank candidates and their average by NDCG@10 on the validation pairs that judge epochs.

    Args:
        candidates: The candidates.
        data: The pairs.
        members: Number of candidates, the best ones, that an average may have.
    """

    def judged(name: str, score: Scorer, weights: Mapping[str, int]) -> Team:
        return Team(name, weights, evaluate_ranking(score, data.train, data.judged))

    def order(team: Team) -> float:
        return -team.valid[NDCG.name]

    scorers = {one.name: one.ranker.scorer(data.train) for one in candidates}
    by_name = {one.name: one for one in candidates}
    teams = [judged(name, score, {name: 1}) for name, score in scorers.items()]
    teams.sort(key=order)
    personal = [by_name[team.name] for team in teams if team.name != POPULARITY]
    weights = average_of(personal[:members], data) if personal[:members] else {}
    if len(weights) > 1:
        score = average([scorers[name] for name in weights], list(weights.values()))
        teams = sorted([*teams, judged(AVERAGE, score, weights)], key=order)
    return Selection(by_name, teams)


def tune_closed_forms(
    data: RankingData, trials: int, run: RunContext, names: Iterable[str] = CLOSED_FORMS
) -> dict[str, Any]:
    """Tune the options of each closed form by validation NDCG@10.

    Trials are kept in the checkpoint, so a resumed run repeats none.

    Args:
        data: The pairs; those that judge epochs judge trials, too.
        trials: Number of trials of each closed form; with 0, popularity is the only one.
        run: Checkpoint and progress. `run.failed` gets the closed forms that are too large for the
            data, and why.
        names: The closed forms to tune.

    Returns:
        The best options of each closed form, by its name; those of popularity, which has none, too.
    """
    best = {POPULARITY: CLOSED_FORMS[POPULARITY].Options()}
    tried = {name: CLOSED_FORMS[name] for name in names}
    models = {name: model for name, model in tried.items() if model.bounds and trials}
    items = data.train.catalogue
    with run.progress.phase("closed forms", total=len(models) * trials) as phase:
        for name, model in models.items():
            bounds = dict(model.bounds)
            if data.features[1] is not None:
                bounds |= model.feature_bounds
            if model.most_items is not None and items > model.most_items:
                _leave_out(run, name, f"{items:,} items are more than {model.most_items:,}")
                continue
            done: Trials = _known(run, name, trials)
            first = start(model.Options(), bounds)
            try:
                while len(done) < trials:
                    options = next_options(bounds, done, first, TUNING_SEED)
                    ranker = fit(model, data, data.train, model.Options(**options))
                    value = _value(ranker, data)
                    done.append({"options": options, "value": value})
                    run.checkpoint.put(_phase(name), {"trials": list(done)})
                    phase.advance({f"valid/{NDCG.name}": value})
            except NaspError as error:  # it does not fit into memory
                _leave_out(run, name, str(error))
                continue
            chosen = max(done, key=lambda trial: float(trial["value"]))
            best[name] = model.Options(**chosen["options"])
        run.checkpoint.flush()
    return best


def closed_form_candidates(best: Mapping[str, Any], data: RankingData) -> list[Candidate]:
    """Fit each closed form with its best options."""

    def candidate(name: str, options: Any) -> Candidate:
        model = CLOSED_FORMS[name]
        ranker = fit(model, data, data.train, options)
        return Candidate(name, name, ranker, lambda: fit(model, data, data.known(), options))

    return [candidate(name, options) for name, options in best.items()]


def fit(model: type[ClosedForm], data: RankingData, pairs: UserItems, options: Any) -> ClosedForm:
    """Fit a closed form to some pairs of the data; its initial values are always the same."""
    generator = torch.Generator().manual_seed(TUNING_SEED)
    return model.fit(pairs, options, generator, data.item_features())


def average_of(candidates: Sequence[Candidate], data: RankingData) -> dict[str, int]:
    """Return the weights of the average with the best NDCG@10 on validation pairs, by name.

    Scores are standardised for each user. See `best_weights`.

    Args:
        candidates: The candidates.
        data: The pairs.
    """
    pairs = some_users(data.valid, AVERAGED_SCORES // data.train.catalogue)
    users = pairs.counts().nonzero()[:, 0]
    blocks = torch.split(users, max(1, BLOCK // data.train.catalogue))
    scorers = [one.ranker.scorer(data.train) for one in candidates]
    listed = [_listed(scorers, data, pairs, block) for block in blocks]
    width = max(hits.shape[1] for _, hits in listed)
    hits = torch.cat([functional.pad(hits, (0, width - hits.shape[1])) for _, hits in listed])
    scores = torch.cat(
        [functional.pad(s, (0, width - s.shape[2]), value=-torch.inf) for s, _ in listed], dim=1
    )
    relevant, unused = pairs.counts()[users], torch.zeros(len(users))

    def value(mean: Tensor) -> float:
        best = mean.topk(min(LONGEST, width)).indices
        found = hits.gather(1, best)
        return float(VALUES[NDCG](Ranking(best, found, unused, relevant, width)))

    named = {one.name: part for one, part in zip(candidates, scores, strict=True)}
    return best_weights(named, value, GAIN)


def _listed(
    scorers: Sequence[Scorer], data: RankingData, pairs: UserItems, users: Tensor
) -> tuple[Tensor, Tensor]:
    """Score the items that are among the best `LISTED` of any scorer.

    Args:
        scorers: The scorers.
        data: The data, whose training items are not listed for their users.
        pairs: The pairs to be found.
        users: The users, `(users,)`.

    Returns:
        Standardised scores `(scorers, users, items)`, minus infinity where an item is a training
        item or is listed before; and which items are to be found, bool `(users, items)`.
    """
    scores = torch.stack([standardised(score(users)) for score in scorers])
    own, wanted = data.train.take(users), pairs.take(users)
    scores[:, own.users(), own.items] = -torch.inf
    best = scores.topk(min(LISTED, scores.shape[2])).indices
    items = torch.cat(list(best), dim=1).sort().values
    again = functional.pad(items[:, 1:] == items[:, :-1], (1, 0))
    right = torch.zeros(scores.shape[1:], dtype=torch.bool)
    right[wanted.users(), wanted.items] = True
    kept = scores.gather(2, items.expand(len(scorers), -1, -1)).masked_fill(again, -torch.inf)
    return kept, right.gather(1, items) & ~again


def _value(ranker: Ranker, data: RankingData) -> float:
    return evaluate_ranking(ranker.scorer(data.train), data.train, data.judged)[NDCG.name]


def _phase(name: str) -> str:
    return f"closed form {name}"


def _known(run: RunContext, name: str, trials: int) -> Trials:
    """Return the trials in the checkpoint.

    Raises:
        NaspError: The checkpoint holds something else.
    """
    saved = run.checkpoint.get(_phase(name))
    if saved is None:
        return []
    try:
        SECTION(saved, "")
    except NaspError as error:
        place = run.checkpoint.place(_phase(name))
        raise NaspError(f"{place} is not of trials ({error}): remove it to repeat them") from error
    return list(saved["trials"])[:trials]


def _leave_out(run: RunContext, name: str, reason: str) -> None:
    run.failed[name] = reason
    warnings.warn(f"{name} is left out: {reason}", stacklevel=3)
