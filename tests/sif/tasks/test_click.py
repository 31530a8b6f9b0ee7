"""Searches for functions of clicks: the contract, a planted truth, and the commands."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.runs.context import RunContext
from nasp.search import SearchResult, Task, run_search
from nasp.testing import TaskContract
from sif import evaluate, recommend, search, train
from sif.data.click_data import ClickData
from sif.data.side_table import read_side_table
from sif.data.task_data import Sides
from sif.evaluation.clicks import evaluate_clicks
from sif.models.click import ClickModel, predict_logits
from sif.nn.fields import PAIRS, TOWER, FieldSpace, decisions
from sif.options import FieldOptions, SearchOptions
from sif.tasks.click import ClickTask, known_model, name_of

SHORT: dict[str, Any] = {"epochs": 2, "warm_up": 1, "restarts": 2, "finalists": 1}
SHORT |= {"train_epochs": 2}
SMALL = {"embedding_dim": 4, "hidden_units": 8, "batch_size": 256, "objective": "logistic"}
SMALL |= {"optimizer": "adam", "learning_rate": 0.02, "penalty": "squared"}
SMALL |= {"weight_decay": 0.001}


def planted(rows: int, seed: int = 0) -> pd.DataFrame:
    """Clicks of users on items of their own taste, at any hour."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "user": generator.integers(30, size=rows),
            "item": generator.integers(20, size=rows),
            "hour": generator.choice(["early", "late"], rows),
        }
    )
    fits = frame["user"] % 2 == frame["item"] % 2
    clicked = generator.random(rows) < np.where(fits, 0.9, 0.1)
    return frame.assign(rating=clicked.astype(float))


def task(rows: int = 900, **options: object) -> ClickTask:
    frame = planted(rows)
    half = rows // 2
    data = ClickData.from_splits(frame[:half], frame[half:])
    given = SearchOptions(**{**SMALL, **options})  # type: ignore[arg-type]
    return ClickTask(data, given)


def test_what_clicks_have_not_is_refused() -> None:
    with pytest.raises(NaspError, match="average is 3; clicks have no average"):
        task(average=3)
    with pytest.raises(NaspError, match="penalty of the task click: 'per_id'"):
        task(penalty="per_id")


class TestClickTask(TaskContract):
    @pytest.fixture
    def task(self) -> Task:
        return task(dropout=0.0, known=(), **SHORT)  # with other masks a loss has another gradient


def test_a_search_finds_what_biases_cannot_know() -> None:
    one = task(
        3000, epochs=2, warm_up=1, restarts=1, finalists=1, train_epochs=8, refit=False, known=()
    )
    found = run_search(one, 1, RunContext())
    assert found.metrics["valid/auc"] > 0.85  # 0.9 is the best possible
    biases = one.rates.logits("biases", one.data.valid.rows, one.data.sizes)
    assert evaluate_clicks(biases, one.data.valid.labels)["auc"] < 0.55


def test_restarts_begin_at_known_models() -> None:
    both = decisions(("user", "item", "hour"), FieldOptions(pairs=2, towers=2))
    for seed in range(3):
        choices = known_model(both, "hidden3", torch.Generator().manual_seed(seed))
        assert len({pair for pair, _ in choices[PAIRS]}) == 2
        assert {operation for _, operation in choices[PAIRS]} == {"multiply"}
        assert choices[TOWER] == (("tower1", "hidden3"), ("tower2", "none"))
        named = name_of(Genotype(FieldSpace.name, choices))
        assert named == "2 multiply of pairs + hidden3"
    assert known_model(both, "none")[PAIRS] == (
        ("user,item", "multiply"),
        ("user,hour", "multiply"),
    )


def test_known_models_compete_with_what_is_found() -> None:
    one = task(300, **SHORT)
    known = one.known()
    assert {name: name_of(genotype) for name, genotype in known.items()} == {
        "fm": "3 multiply of pairs",
        "deepfm": "3 multiply of pairs + hidden3",
        "fm_cross": "3 multiply of pairs + cross3",
    }
    (result,) = one.train("deepfm", known["deepfm"], 1, RunContext())
    assert result.name == "deepfm"
    found = run_search(one, 1, RunContext())
    tried = {name_of(genotype) for genotype in known.values()}
    assert len(found.trainings) >= len(tried)
    assert task(300, known=()).known() == task(300, pairs=2).known() == {}
    assert task(300, known=("fm",)).known() == {"fm": known["fm"]}
    with pytest.raises(NaspError, match="known model of the task click: 'biased_mf'"):
        task(300, known=("biased_mf",))


def test_the_answer_is_a_trivial_model_where_no_function_is_better(tmp_path: Path) -> None:
    frame = planted(600)
    frame["rating"] = (frame["item"] < 10).astype(float)
    data = ClickData.from_splits(frame[:300], frame[300:])
    bad = {**SMALL, "learning_rate": 1e-6, "embedding_std": 1.0, "train_epochs": 1}
    one = ClickTask(data, SearchOptions(**bad))  # type: ignore[arg-type]
    choices = known_model(one.decisions(torch.Generator())[0], "none")
    (trained,) = one.train("one", Genotype(FieldSpace.name, choices), 1, RunContext())
    assert one.answer(trained) in ("popularity", "biases")
    assert not one.refit([trained], 1, RunContext()), "the function is not the answer"
    found = SearchResult(trained.genotype, trained.metrics, {}, {}, [trained])
    model, again = one.models(found)
    assert again is not None
    assert again.answer == model.answer
    rates = frame["rating"][:300].mean(), frame["rating"].mean()
    for fitted, share in zip((model, again), rates, strict=True):
        assert fitted.rates.mean == pytest.approx(np.log(share / (1 - share)), abs=1e-5)
    assert (again.rates.biases != model.rates.biases).any()
    assert ClickTask(data, SearchOptions(**bad, refit=False)).models(found)[1] is None  # type: ignore[arg-type]
    values = model.metrics(data.valid)
    assert values["auc"] == values[f"auc_{model.answer}"] == 1.0
    assert values["auc_function"] == trained.metrics["valid/auc"]
    assert sorted(model.recommend(0, 10, context={"hour": "late"}, exclude_seen=False)["item"]) == [
        *range(10)
    ]
    model.save(tmp_path / "model.pt")
    loaded = ClickModel.load(tmp_path / "model.pt")
    assert loaded.answer == model.answer
    assert np.array_equal(loaded.predict(frame), model.predict(frame))


def test_side_features_help_where_items_have_few_rows(tmp_path: Path) -> None:
    frame = planted(1200)
    generator = np.random.default_rng(1)
    frame["item"] = 20 * generator.integers(40, size=len(frame)) + frame["item"]
    kinds = [("even", "odd")[item % 2] for item in range(800)]
    pd.DataFrame({"item": range(800), "kind": kinds}).to_csv(tmp_path / "items.csv", index=False)
    sides = Sides((None, read_side_table(tmp_path / "items.csv", "item")))
    many = {**SMALL, "batch_size": 32, "train_epochs": 40}
    found = []
    for known in (None, sides):
        data = ClickData.from_splits(frame[:600], frame[600:], sides=known)
        one = ClickTask(data, SearchOptions(**many))  # type: ignore[arg-type]
        choices = known_model(one.decisions(torch.Generator())[0], "none")
        (trained,) = one.train("one", Genotype(FieldSpace.name, choices), 1, RunContext())
        model, _ = one.models(SearchResult(trained.genotype, trained.metrics, {}, {}, [trained]))
        assert model.network.embeddings.features is None, "they are a part of the table"
        found.append(trained.metrics["valid/auc"])
        logits = predict_logits(model.network, data.valid.rows)
        assert evaluate_clicks(logits, data.valid.labels)["auc"] == pytest.approx(found[-1])
    assert found[1] > found[0] + 0.1
    with pytest.raises(NaspError, match="models of clicks do not use time_bins"):
        ClickData.from_splits(frame[:600], frame[600:], sides=Sides(time_bins=3))


def test_averaged_weights_are_those_of_the_result() -> None:
    plain, averaged = (task(averaging=share) for share in (0.0, 2.0))
    choices = known_model(plain.decisions(torch.Generator())[0], "hidden1")
    genotype = Genotype(FieldSpace.name, choices)
    results = []
    for one in (plain, averaged):
        (result,) = one.train("one", genotype, 1, RunContext())
        model, _ = one.models(SearchResult(genotype, result.metrics, {}, {}, [result]))
        values = evaluate_clicks(
            predict_logits(model.network, one.data.valid.rows), one.data.valid.labels
        )
        assert values["auc"] == result.metrics["valid/auc"]
        assert model.metrics(one.data.valid)["log_loss"] <= values["log_loss"]  # calibrated
        results.append(result)
    assert results[0].history[0]["train/loss"] == results[1].history[0]["train/loss"]
    assert results[0].history[0]["valid/auc"] != results[1].history[0]["valid/auc"]


def test_a_refit_has_all_rows_and_the_epochs_that_validation_chose() -> None:
    one = task(900, train_epochs=3)
    genotype = Genotype(FieldSpace.name, known_model(one.decisions(torch.Generator())[0], "none"))
    (trained,) = one.train("one", genotype, 1, RunContext())
    (refitted,) = one.refit([trained], 1, RunContext())
    assert len(refitted.history) == trained.epoch + 1
    assert refitted.epoch == trained.epoch
    whole = one.data.for_refit()
    assert (len(whole.train), len(whole.valid)) == (900, 0)
    result = SearchResult(genotype, trained.metrics, {}, {}, [trained], [refitted])
    model, again = one.models(result)
    assert again is not None
    assert again.temperature == model.temperature
    assert again.valid_auc is None
    assert not torch.equal(again.network.embeddings.table, model.network.embeddings.table)
    assert not task(refit=False).refit([trained], 1, RunContext())


def test_only_objectives_of_clicks_are_accepted() -> None:
    with pytest.raises(NaspError, match="objective of the task click: 'bpr'"):
        task(objective="bpr")


def test_genotypes_of_other_spaces_are_refused() -> None:
    other = Genotype("sif", {"interaction": (("id", "plus"),)})
    with pytest.raises(NaspError, match="not a genotype of many fields"):
        task(refit=False).train("one", other, 1, RunContext())


FAST = [
    *("--embedding_dim", "2", "--hidden_units", "4", "--epochs", "2", "--warm_up", "1"),
    *("--restarts", "1", "--finalists", "1", "--train_epochs", "2", "--tracking", "none"),
]


@pytest.mark.usefixtures("empty_pictures")
def test_the_commands_search_train_evaluate_and_recommend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = {0.0: -1, 1.0: 1}
    for name, seed in (("clicks", 0), ("more", 1)):
        frame = planted(600, seed)
        frame.assign(rating=frame["rating"].map(labels)).to_csv(
            tmp_path / f"{name}.csv", index=False
        )
    data, run = str(tmp_path / "clicks.csv"), str(tmp_path / "run")
    columns = ["--columns", "user=user,item=item,rating=rating,context=hour"]
    search.main(["--data", data, *columns, "--output", run, *FAST])
    shown = capsys.readouterr()
    assert "task click: ratings have two values, -1 and 1" in shown.err
    assert "│ popularity" in shown.out
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    metrics = result["metrics"]
    for name in ("auc", "log_loss"):
        for model in ("", "_popularity", "_biases", "_global_mean"):
            assert f"test/{name}{model}" in metrics
            assert f"valid/{name}{model}" in metrics
        assert f"refit/test/{name}" in metrics
    evaluate.main(["--model", run, "--data", str(tmp_path / "more.csv"), *columns])
    assert "test/auc 0." in capsys.readouterr().out
    contexts = ["--context", "{hour: late}"]
    recommend.main(["--model", run, "--users", "3,7", "--n", "2", *contexts])
    assert len(capsys.readouterr().out.splitlines()) == 5
    model = ClickModel.load(tmp_path / "run" / "model.pt")
    known = planted(600).query("user == 3 and rating == 1")["item"]
    for when in ("early", "late"):
        offered = model.recommend(3, 20, context={"hour": when})["item"]
        assert not set(offered) & set(known)
    again = str(tmp_path / "again")
    where = ["--data", data, *columns, "--output", again, *FAST[:4], "--tracking", "none"]
    train.main(["--genotype", run, "--epochs", "2", *where])
    trained = json.loads((tmp_path / "again" / "result.json").read_text())
    assert trained["genotype"] == result["genotype"]


@pytest.mark.usefixtures("empty_pictures")
def test_negatives_are_drawn_for_tables_of_positives(tmp_path: Path) -> None:
    frame = planted(900).query("rating == 1")[["user", "item", "hour"]]
    frame.to_csv(tmp_path / "used.csv", index=False)
    where = ["--data", str(tmp_path / "used.csv"), "--task", "click", "--negatives", "2"]
    where += ["--columns", "user=user,item=item,context=hour"]
    search.main([*where, "--output", str(tmp_path / "run"), *FAST])
    metrics = json.loads((tmp_path / "run" / "result.json").read_text())["metrics"]
    assert metrics["test/auc_global_mean"] == 0.5
    # A third of the rows are positives.
    assert metrics["test/log_loss_global_mean"] == pytest.approx(0.6365, abs=0.01)
