"""Training of a language model: it learns, averages, resumes and stops."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nasp.errors import NaspError
from nasp.metric import Metrics
from nasp.rnn.averaging import Averaging
from nasp.rnn.data import Corpus, columns
from nasp.rnn.evaluation import evaluate, evaluate_exactly
from nasp.rnn.network import LanguageModel
from nasp.rnn.options import TrainOptions
from nasp.rnn.tasks import TextTask
from nasp.rnn.zoo import ZOO
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import RunContext
from tests.nasp.rnn.made import LIGHT, SMALL, made_corpus

CPU = torch.device("cpu")


class Killed(Exception):
    """Raised in place of the end of a process."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return made_corpus(tmp_path_factory.mktemp("made"))


def options(**changed: object) -> TrainOptions:
    return TrainOptions(**(SMALL | LIGHT | {"epochs": 4, "nonmono": 1} | changed))  # type: ignore[arg-type]


def trained(
    corpus: Corpus, chosen: TrainOptions, path: Path | None = None, stop: int = 99, seed: int = 1
) -> tuple[LanguageModel, list[Metrics]]:
    """Train; after `stop` epochs the process dies, in the middle of the next one's checkpoint."""
    checkpoint = Checkpoint(path, {}, resume=True)
    write = checkpoint.put

    def put(section: str, state: dict[str, list[Metrics]], *, now: bool = False) -> None:
        if len(state["history"]) > stop:
            raise Killed
        write(section, state, now=True)

    checkpoint.put = put  # type: ignore[method-assign]
    task = TextTask(corpus, chosen, CPU)
    (found,) = task.train("train", ZOO["darts_v1"], seed, RunContext(checkpoint))
    return task.trained_network(found), found.history


def kept_of(path: Path) -> dict[str, Any]:
    kept: dict[str, Any] | None = Checkpoint(path, {}, resume=True).get("train")
    assert kept is not None
    return kept


def without_time(history: list[Metrics]) -> list[Metrics]:
    return [{k: v for k, v in m.items() if not k.startswith("time/")} for m in history]


def test_a_model_learns_a_language(corpus: Corpus) -> None:
    network, history = trained(corpus, options(epochs=25, emsize=24, nhid=24))
    best = min(metrics["valid/perplexity"] for metrics in history)
    # A model of only the frequencies of words has about 12.7.
    assert best < 6
    assert evaluate_exactly(network, corpus.test, "test")["test/perplexity"] < 7


def test_same_seed_same_training(corpus: Corpus) -> None:
    before = torch.get_rng_state()
    (first, history), (second, again) = (trained(corpus, options()) for _ in range(2))
    assert without_time(history) == without_time(again)
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))
    assert without_time(history) != without_time(trained(corpus, options(), seed=2)[1])
    assert torch.equal(before, torch.get_rng_state())


AVERAGING = options(epochs=7, learning_rate=30.0, gradient_clip=0.5)


@pytest.fixture(scope="module")
def uninterrupted(corpus: Corpus) -> tuple[LanguageModel, list[Metrics]]:
    """A training of 7 epochs, in whose last ones the weights are averaged."""
    return trained(corpus, AVERAGING)


@pytest.mark.parametrize("stop", [0, 1, 6])
def test_a_killed_training_ends_the_same(
    stop: int,
    corpus: Corpus,
    uninterrupted: tuple[LanguageModel, list[Metrics]],
    tmp_path: Path,
) -> None:
    path = tmp_path / "checkpoint"
    with pytest.raises(Killed):
        trained(corpus, AVERAGING, path, stop)
    if stop == 6:
        assert kept_of(path)["state"]["averaging"]["count"] > 0
    network, history = trained(corpus, AVERAGING, path)
    whole, expected = uninterrupted
    assert without_time(history) == without_time(expected)
    assert all(map(torch.equal, network.state_dict().values(), whole.state_dict().values()))


def test_a_prolonged_training_is_an_uninterrupted_one(
    corpus: Corpus, uninterrupted: tuple[LanguageModel, list[Metrics]], tmp_path: Path
) -> None:
    """The mean of the weights, which begins in epoch 4 of 4, continues, too."""
    path = tmp_path / "checkpoint"
    trained(corpus, replace(AVERAGING, epochs=4), path)
    assert kept_of(path)["state"].keys() == {"network", "averaging", "generator"}
    network, history = trained(corpus, AVERAGING, path)
    assert kept_of(path)["state"]["averaging"]["count"] > 0
    whole, expected = uninterrupted
    assert without_time(history) == without_time(expected)
    assert all(map(torch.equal, network.state_dict().values(), whole.state_dict().values()))


def test_the_result_is_the_best_epoch(corpus: Corpus) -> None:
    network, history = trained(corpus, options(epochs=6, learning_rate=30.0, gradient_clip=0.5))
    losses = [metrics["valid/loss"] for metrics in history]
    found = evaluate(network.outputs, network.words, columns(corpus.valid, 10), "valid")
    assert found["valid/loss"] == pytest.approx(min(losses), rel=1e-5)


def test_a_loss_that_is_no_number_stops_with_the_last_good_checkpoint(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint"
    run = RunContext(Checkpoint(path, {}, resume=True))
    forward = LanguageModel.forward

    def poisoned(self: LanguageModel, batch: object) -> torch.Tensor:
        saved = run.checkpoint.get("train")
        if saved is not None and len(saved["history"]) == 2:
            with torch.no_grad():
                self.words.bias[0] = float("nan")
        return forward(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(LanguageModel, "forward", poisoned)
    message = "train stopped in epoch 3: the loss is nan: lower learning_rate; the checkpoint"
    with pytest.raises(NaspError, match=f"{message} holds epoch 2"):
        TextTask(corpus, options(), CPU).train("train", ZOO["darts_v1"], 1, run)
    kept = kept_of(path)
    assert len(kept["history"]) == 2
    assert all(torch.isfinite(value).all() for value in kept["state"]["network"].values())


def test_a_loss_that_is_no_number_at_once_says_so(corpus: Corpus) -> None:
    chosen = options(learning_rate=1e30, gradient_clip=1e30)
    with pytest.raises(NaspError, match=r"epoch 1: the loss is .*there is no checkpoint"):
        trained(corpus, chosen)


def test_averaging_begins_when_validation_no_longer_improves() -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    averaging = Averaging([weight], nonmono=2)
    for loss in (3.0, 2.0, 2.5, 1.9):  # 2.5 is no worse than the best before the last two epochs
        averaging.observe(loss)
        assert averaging.means is None
    averaging.observe(2.1)  # worse than 2.0, the best before the last two
    assert averaging.means is not None
    for value in (4.0, 6.0, 11.0):
        with torch.no_grad():
            weight.fill_(value)
        averaging.update()
    with averaging.applied():
        assert float(weight.detach()) == pytest.approx(7.0)
    assert float(weight.detach()) == 11.0
    copy = Averaging([weight], nonmono=2)
    copy.load_state_dict(averaging.state_dict())
    with copy.applied():
        assert float(weight.detach()) == pytest.approx(7.0)


def test_patience_and_time_end_a_training(corpus: Corpus) -> None:
    worse = options(epochs=40, patience=2, learning_rate=30.0, gradient_clip=0.5)
    assert len(trained(corpus, worse)[1]) < 40
    assert len(trained(corpus, options(epochs=40, max_seconds=1e-6))[1]) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"nhid": 11}, "give both the same value"),
        ({"dropouth": 1.0}, "dropouth is 1.0; it must be below 1"),
        ({"bptt": 0}, "bptt is 0; it must be above 0"),
        ({"nonmono": 0}, "nonmono is 0"),
    ],
)
def test_impossible_options_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(NaspError, match=message):
        options(**wrong)
