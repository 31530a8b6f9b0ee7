"""Searches on an artificial language with all kinds of strategies."""

from pathlib import Path

import pytest
import torch

from nasp.errors import NaspError
from nasp.rnn.data import Corpus
from nasp.rnn.genotype import plan_of
from nasp.rnn.options import SearchOptions
from nasp.rnn.space import RNNSpace
from nasp.rnn.tasks import TextTask
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import RunContext
from nasp.search import SearchResult, run_search
from nasp.strategies import ONE_SHOT
from tests.nasp.rnn.made import LIGHT, SMALL, made_corpus
from tests.nasp.rnn.test_fit import CPU, Killed, without_time

STRATEGIES = ["nasp", "darts", "random"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return made_corpus(tmp_path_factory.mktemp("made"))


def searched(
    corpus: Corpus, strategy: str, path: Path | None = None, stop: int = 99, **changed: object
) -> SearchResult:
    sizes = SMALL | LIGHT | {"epochs": 2, "bptt": 4, "trials": 2, "train_epochs": 1, "tokens": 120}
    options = SearchOptions(**(sizes | {"strategy": strategy} | changed))  # type: ignore[arg-type]
    checkpoint = Checkpoint(path, {}, resume=True)
    write = checkpoint.put

    def put(section: str, state: dict[str, list[object]], *, now: bool = False) -> None:
        if len(state["history"]) > stop:
            raise Killed
        write(section, state, now=True)

    checkpoint.put = put  # type: ignore[method-assign]
    return run_search(TextTask(corpus, options, CPU), 1, RunContext(checkpoint))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_search_finds_a_cell_by_its_seed(corpus: Corpus, strategy: str) -> None:
    before = torch.get_rng_state()
    first, second = (searched(corpus, strategy) for _ in range(2))
    assert len(plan_of(first.genotype).nodes) == 8
    assert first.genotype == second.genotype
    histories, again = (found.searches or found.trainings for found in (first, second))
    for name, history in histories.items():
        assert without_time(history) == without_time(again[name])
    assert torch.equal(before, torch.get_rng_state())
    perplexities = [m["valid/perplexity"] for history in histories.values() for m in history]
    dense = strategy in ONE_SHOT and ONE_SHOT[strategy].dense
    expected = perplexities[-1] if dense else min(perplexities)
    assert first.metrics["valid/perplexity"] == expected


@pytest.mark.parametrize("strategy", ["nasp", "darts"])
def test_a_killed_search_ends_the_same(corpus: Corpus, strategy: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    with pytest.raises(Killed):
        searched(corpus, strategy, path, stop=1)
    resumed, whole = searched(corpus, strategy, path), searched(corpus, strategy)
    assert resumed.genotype == whole.genotype
    assert without_time(resumed.searches["search"]) == without_time(whole.searches["search"])


def test_a_prolonged_search_is_an_uninterrupted_one(corpus: Corpus, tmp_path: Path) -> None:
    searched(corpus, "nasp", tmp_path / "checkpoint")
    prolonged = searched(corpus, "nasp", tmp_path / "checkpoint", epochs=4)
    whole = searched(corpus, "nasp", epochs=4)
    assert prolonged.genotype == whole.genotype
    assert prolonged.metrics["valid/loss"] == whole.metrics["valid/loss"]
    assert without_time(prolonged.searches["search"]) == without_time(whole.searches["search"])


@pytest.mark.parametrize(("strategy", "has"), [("darts", True), ("nasp", False)])
def test_none_is_in_darts_s_space_and_in_no_cell(corpus: Corpus, strategy: str, has: bool) -> None:
    found = searched(corpus, strategy)
    assert ("arch/node_2/node_1/none" in found.searches["search"][0]) == has
    assert "none" not in str(found.genotype)


def test_shared_weights_learn(corpus: Corpus) -> None:
    changed = {"emsize": 24, "nhid": 24, "epochs": 12, "tokens": None}
    history = searched(corpus, "nasp", **changed).searches["search"]
    assert min(metrics["valid/perplexity"] for metrics in history) < 10  # of 13 words


def test_only_strategies_that_run_all_candidates_normalise_by_default(corpus: Corpus) -> None:
    """Batch norm needs two columns."""
    plan = plan_of(searched(corpus, "nasp", batch_size=1, tokens=30, epochs=1).genotype)
    assert len(plan.nodes) == 8
    with pytest.raises(NaspError, match="batch norm needs 2 or more"):
        searched(corpus, "darts", batch_size=1)
    default, without, normed = (
        searched(corpus, "nasp", batch_norm=on, epochs=1).metrics["valid/loss"]
        for on in (None, False, True)
    )
    assert default == without != normed
    default, normed = (
        searched(corpus, "darts", batch_norm=on, epochs=1).metrics["valid/loss"]
        for on in (None, True)
    )
    assert default == normed


def test_the_test_text_is_not_touched(corpus: Corpus) -> None:
    class Sealed:
        def __getattribute__(self, name: str) -> object:
            raise AssertionError("the test text was touched")

    sealed = Corpus(corpus.vocabulary, corpus.train, corpus.valid, Sealed(), "")  # type: ignore[arg-type]
    for strategy in ("nasp", "random"):
        searched(sealed, strategy, epochs=1)


def test_a_search_that_diverges_keeps_its_last_good_epoch(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, calls = RNNSpace.forward, 0

    def poisoned(self: RNNSpace, batch: object, relaxation: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 8:  # in the second epoch of 3 steps of two losses each
            with torch.no_grad():
                self.words.bias[0] = float("nan")
        return forward(self, batch, relaxation)  # type: ignore[arg-type]

    monkeypatch.setattr(RNNSpace, "forward", poisoned)
    path = tmp_path / "checkpoint"
    with pytest.raises(NaspError, match=r"search stopped in epoch 2: the loss is nan.* epoch 1"):
        searched(corpus, "nasp", path)
    kept = Checkpoint(path, {}, resume=True).get("search")
    assert kept is not None
    assert len(kept["history"]) == 1


def test_too_short_texts_and_batches_of_one_are_refused(corpus: Corpus) -> None:
    with pytest.raises(NaspError, match="training text has 3 words, too few"):
        searched(corpus, "nasp", tokens=3)
    with pytest.raises(NaspError, match="batch norm needs 2"):
        searched(corpus, "nasp", batch_size=1, batch_norm=True)
    with pytest.raises(NaspError, match="did you mean 'darts2'"):
        searched(corpus, "dart2")
