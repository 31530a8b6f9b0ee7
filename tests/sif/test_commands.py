"""The commands, as a user runs them: results, records, mistakes and kills."""

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow.exceptions import MlflowException

from nasp.errors import Diverged, NaspError
from nasp.experiment.run_folder import run_command
from nasp.runs.context import RunContext
from nasp.samplers import SAMPLERS
from nasp.search import Task, one_shot
from nasp.training.loop import PhaseResult
from sif import InteractionModel, config, search, train
from sif.config import SearchConfig
from sif.data import Synthetic, synthetic
from sif.nn.space import InteractionSpace
from sif.options import SpaceOptions
from sif.zoo import title_of
from tests.killing import Killing
from tests.killing.commands import run_forked

LIGHTGCN = "multiply of graph3 (lightgcn)"
pytestmark = pytest.mark.usefixtures("empty_pictures")
FAST = [
    *("--embedding_dim", "2", "--epochs", "3", "--warm_up", "1", "--restarts", "2"),
    *("--train_epochs", "3", "--tracking", "none"),
]


@pytest.fixture(scope="module")
def ratings() -> pd.DataFrame:
    return synthetic(Synthetic(users=60, items=40, ratings=1500), seed=0)


@pytest.fixture
def table(ratings: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "ratings.csv"
    ratings.to_csv(path, index=False)
    return path


def result_of(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def test_counts_come_back_as_counts_and_nothing_known_is_recommended(
    ratings: pd.DataFrame, tmp_path: Path
) -> None:
    counts = ratings.assign(rating=(ratings["rating"].rank() ** 1.1).round())
    counts.to_csv(tmp_path / "counts.csv", index=False)
    data = ["--data", str(tmp_path / "counts.csv"), "--rating_transform", "log"]
    search.main([*data, "--output", str(tmp_path / "run"), *FAST])
    model = InteractionModel.load(tmp_path / "run" / "model.pt")
    predicted = model.predict(counts)
    assert counts["rating"].min() <= predicted.min() <= predicted.max() <= counts["rating"].max()
    assert np.log1p(predicted).mean() == pytest.approx(np.log1p(counts["rating"]).mean(), rel=0.1)
    for user, rated in counts.groupby("user")["item"]:  # training, validation and test
        assert not set(rated) & set(model.recommend(user, 40)["item"])


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_a_tracked_search_can_be_compared_with_others(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import mlflow

    uri, folder = f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "run"
    where = ["--output", str(folder), "--tracking", uri, "--split", "user"]
    search.main(["--data", str(table), *FAST[:-2], *where])
    run_id = (folder / "mlflow_run_id").read_text()
    assert f"mlflow models serve -m runs:/{run_id}/model" in capsys.readouterr().out
    client = mlflow.MlflowClient(uri)
    found, metrics = client.get_run(run_id), result_of(folder)["metrics"]
    assert found.info.run_name == "nasp · ratings · dim 2 · seed 1"
    operation = title_of(InteractionModel.load(folder / "model.pt").genotype)
    assert (
        found.data.params.items()
        >= {
            **{"task": "rating", "strategy": "nasp", "data": "ratings", "split": "user"},
            **{"seed": "1", "embedding_dim": "2", "found": operation},
        }.items()
    )
    assert not {"output", "tracking", "quiet", "resume"} & set(found.data.params)
    assert "| test RMSE |" in found.data.tags["mlflow.note.content"]
    assert found.data.metrics["test/rmse"] == pytest.approx(metrics["test/rmse"])
    assert found.data.metrics["valid/rmse"] == pytest.approx(metrics["valid/rmse"])
    assert found.data.metrics["time/total_s"] > 0
    (model,) = client.search_logged_models([found.info.experiment_id])
    shown = {metric.key: metric.value for metric in model.metrics}
    assert shown["test/rmse"] == pytest.approx(metrics["test/rmse"])
    nested = client.search_runs([found.info.experiment_id], f"tags.mlflow.parentRunId = '{run_id}'")
    assert sorted(run.info.run_name for run in nested) == ["search 1", "search 2"]
    times = {run.info.run_name: run.info for run in (found, *nested)}
    one, two, whole = (times[name] for name in ("search 1", "search 2", found.info.run_name))
    assert whole.start_time <= one.start_time <= one.end_time <= two.end_time <= whole.end_time
    total = 1000 * found.data.metrics["time/total_s"]  # of it, the worker's imports are no part
    assert whole.end_time - whole.start_time >= total - 1
    for run in nested:  # each restart has its own epochs
        history = client.get_metric_history(run.info.run_id, "valid/rmse")
        assert [metric.step for metric in history] == [0, 1, 2]
    mlflow.set_tracking_uri(uri)
    _check_served(mlflow.pyfunc.load_model(model.model_uri), folder / "model.pt")


def _check_served(served: Any, path: Path) -> None:
    """A server predicts like the model, and reports errors in requests."""
    from mlflow.pyfunc.scoring_server import invocations

    def ask(body: Any, kind: str = "application/json") -> tuple[int, str]:
        text = body if isinstance(body, str) else json.dumps(body)
        schema = served.metadata.get_input_schema()
        try:
            answer = invocations(text, kind, served, schema)
        except MlflowException as error:
            return error.get_http_status_code(), str(error)
        return answer.status, answer.response

    model = InteractionModel.load(path)
    user, item = (int(ids[0]) for ids in model.encoder.ids)
    row = {"user": user, "item": item}
    rating = model.predict(pd.DataFrame([row]))[0]
    good = [
        {"dataframe_records": [row]},
        {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}},
    ]
    csv = f"user,item\n{user},{item}\n"
    for status, answer in [*(ask(body) for body in good), ask(csv, "text/csv")]:
        assert status == 200, answer
        assert json.loads(answer)["predictions"] == pytest.approx([rating])
    for value in (True, 1.5, 1.999, None, [user], {}):
        wrong = [row, {**row, "user": value}]
        status, answer = ask({"dataframe_records": wrong})
        assert status == 400
        assert "row 1: user is " in answer
        # In a column that becomes an array, all values get one type before the model sees them.
        columns = {"user": [user, value], "item": [item, item]}
        for body in ({"instances": wrong}, {"inputs": wrong}, {"inputs": columns}):
            assert ask(body)[0] == 400
    for name in ("inputs", "instances"):
        assert "send dataframe_records" in ask({name: [row]})[1]
    status, answer = ask({"dataframe_records": [row, {"item": item}]})
    assert status == 400
    assert "row 1: user is nan" in answer
    status, answer = ask(f"user,item\n{user},{item}\n1.5,{item}\n,{item}\n", "text/csv")
    assert (status, "row 1: user is 1.5" in answer) == (400, True)


def test_a_training_goes_on_with_its_own_genotype_alone(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "genotype.json"

    def write(seed: int) -> None:
        random = torch.Generator().manual_seed(seed)
        options = SpaceOptions(embedding_dim=2, elementwise=True)
        space = InteractionSpace((3, 3), options, random, candidates=("max",))
        space.genotype({"interaction": (("id", "max"),)}).save(path)

    command = ["--data", str(table), "--genotype", str(path), "--output", str(tmp_path / "run")]
    command += ["--epochs", "1", "--embedding_dim", "2", "--tracking", "none", "--quiet"]
    write(1)
    train.main(command)
    expected = result_of(tmp_path / "run")["metrics"]
    train.main([*command, "--resume"])
    assert result_of(tmp_path / "run")["metrics"] == expected
    write(2)  # the same operation with other MLPs
    with pytest.raises(NaspError, match="genotype_sha256 was"):
        train.main([*command, "--resume"])


def test_what_diverges_is_left_out_and_said_so_and_not_repeated(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Products of embeddings of 1e10 have no finite square in float32; sums of them do."""
    output = tmp_path / "run"
    some = ["--data", str(table), "--output", str(output), *FAST, "--learning_rate", "1e10"]
    some += ["--strategy", "exhaustive", "--trials", "5", "--encoders", "id"]
    some += ["--known", "[]"]
    for again in ([], ["--resume"]):
        with pytest.warns(UserWarning, match=r"trial \d is left out: multiply diverges:"):
            search.main([*some, *again])
        ((name, reason),) = result_of(output)["failed"].items()
        assert name.startswith("trial ")
        assert reason.startswith("multiply diverges: ")
        assert f"left out: {name}: multiply diverges" in capsys.readouterr().out
    seconds = result_of(output)["seconds"]
    assert "search" not in seconds
    assert 0 < seconds["train"] <= seconds["total"]


def test_restarts_that_diverge_are_left_out(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = one_shot.one_shot_search

    def search_one(name: str, task: Task, restart: int, seed: int, run: RunContext) -> PhaseResult:
        if restart == 1:
            raise Diverged("train/loss is inf: lower learning_rate")
        return whole(name, task, restart, seed, run)

    monkeypatch.setattr(one_shot, "one_shot_search", search_one)
    some = ["--data", str(table), "--output", str(tmp_path / "run"), *FAST, "--quiet"]
    with pytest.warns(UserWarning, match="search 2 is left out: train/loss is inf"):
        search.main([*some, "--restarts", "3"])
    assert list(result_of(tmp_path / "run")["failed"]) == ["search 2"]


def test_if_all_diverge_the_search_fails(table: Path, tmp_path: Path) -> None:
    some = ["--data", str(table), "--output", str(tmp_path / "run"), *FAST, "--quiet"]
    with (
        pytest.warns(UserWarning, match="is left out"),
        pytest.raises(NaspError, match=r"all 2 searches failed; the first: .* is (inf|nan)"),
    ):
        search.main([*some, "--learning_rate", "1e30"])


def test_a_search_leaves_its_records(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    paper = ["--encoders", "id", "--elementwise", "--known", "[]", "--sweeps", "0"]
    search.main(["--data", str(table), "--output", str(output), *FAST, *paper])
    assert {path.name for path in output.iterdir()} == {
        *("checkpoint", "config.yaml", "function.png", "genotype.json", "model.pt"),
        *("result.json", "search.png", "search_records.png", "training.png", "trials"),
    }
    result = result_of(output)
    assert {"task", "data", "strategy", "seed", "genotype", "metrics", "seconds"} <= set(result)
    assert {"peak_memory_mb", "device", "versions", "commit"} <= set(result)
    metrics = result["metrics"]
    assert 0 < metrics["test/mae"] < metrics["test/rmse"] < 3
    shown = capsys.readouterr().out
    assert "global mean" in shown
    assert "biases" in shown
    assert f"{metrics['test/rmse']:.4f}" in shown
    model = InteractionModel.load(output / "model.pt")
    assert model.genotype.to_json() == (output / "genotype.json").read_text()


def test_the_written_configuration_repeats_the_run(table: Path, tmp_path: Path) -> None:
    search.main(["--data", str(table), "--output", str(tmp_path / "a"), *FAST, "--quiet"])
    again = ["--config", str(tmp_path / "a" / "config.yaml"), "--output", str(tmp_path / "b")]
    search.main(again)
    first, second = result_of(tmp_path / "a"), result_of(tmp_path / "b")
    assert first["metrics"] == second["metrics"]
    assert first["genotype"] == second["genotype"]


def test_a_known_model_is_trained_by_its_name(table: Path, tmp_path: Path) -> None:
    some = [
        "--data",
        str(table),
        "--output",
        str(tmp_path / "run"),
        "--tracking",
        "none",
        "--quiet",
    ]
    train.main([*some, "--genotype", "lightgcn", "--epochs", "2", "--embedding_dim", "2"])
    assert title_of(InteractionModel.load(tmp_path / "run" / "model.pt").genotype) == LIGHTGCN
    with pytest.raises(NaspError, match="did you mean 'lightgcn'"):
        train.main([*some, "--genotype", "lightgnc"])


def test_a_genotype_is_trained_again(table: Path, tmp_path: Path) -> None:
    search.main(["--data", str(table), "--output", str(tmp_path / "a"), *FAST, "--quiet"])
    genotype = tmp_path / "a" / "genotype.json"
    options = ["--embedding_dim", "2", "--epochs", "2", "--tracking", "none", "--quiet"]
    output = ["--output", str(tmp_path / "b"), "--data", str(table)]
    train.main(["--genotype", str(genotype), *output, *options])
    assert result_of(tmp_path / "b")["genotype"] == json.loads(genotype.read_text())


def test_given_splits_and_splits_by_time(ratings: pd.DataFrame, tmp_path: Path) -> None:
    timed = ratings.assign(timestamp=range(len(ratings)))
    timed.to_parquet(tmp_path / "all.parquet")
    run = ["--output", str(tmp_path / "time"), *FAST, "--quiet"]
    search.main(["--data", str(tmp_path / "all.parquet"), "--split", "time", *run])
    parts = {"train": ratings[:900], "test": ratings[900:]}
    for name, part in parts.items():
        part.to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
    run = ["--output", str(tmp_path / "given"), *FAST, "--quiet"]
    test_data = ["--test_data", str(tmp_path / "test.tsv")]
    search.main(["--data", str(tmp_path / "train.tsv"), *test_data, *run])
    assert result_of(tmp_path / "given")["metrics"]["test/rmse"] > 0


def test_synthetic_ratings_by_options(tmp_path: Path) -> None:
    planted = ["--synthetic.operation", "max", "--synthetic.ratings", "900"]
    output = ["--output", str(tmp_path / "run"), "--quiet"]
    search.main(["--data", "synthetic", *planted, *output, *FAST])
    assert "operation: max" in (tmp_path / "run" / "config.yaml").read_text()


@pytest.mark.parametrize("strategy", SAMPLERS)
def test_a_rival_searches_by_the_same_command(
    strategy: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = ["--output", str(tmp_path / "run"), "--tracking", "none", "--quiet"]
    few = ["--trials", "3", "--train_epochs", "2", "--synthetic.ratings", "900"]
    search.main(["--data", "synthetic", "--strategy", strategy, *few, *output])
    result = result_of(tmp_path / "run")
    assert result["strategy"] == strategy
    assert result["metrics"]["test/rmse"] > 0
    assert "optuna" not in "".join(capfd.readouterr())


Change = Callable[[pd.DataFrame], pd.DataFrame]
BAD: dict[str, tuple[Change, str]] = {
    "empty": (lambda f: f.head(0), "ratings.csv"),
    "no item": (lambda f: f.drop(columns="item"), "item"),
    "text": (lambda f: f.assign(rating=["good", *f["rating"][1:]]), "line 2"),
    "nan": (lambda f: f.assign(rating=[float("nan"), *f["rating"][1:]]), "line 2"),
    "infinite": (lambda f: f.assign(rating=[float("inf"), *f["rating"][1:]]), "line 2"),
    "one user": (lambda f: f.assign(user=1).drop_duplicates(["user", "item"]), "user"),
    "one item": (lambda f: f.assign(item=1).drop_duplicates(["user", "item"]), "item"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_ratings_stop_before_anything_is_written(
    name: str, ratings: pd.DataFrame, tmp_path: Path
) -> None:
    change, part = BAD[name]
    change(ratings).to_csv(tmp_path / "ratings.csv", index=False)
    with pytest.raises(NaspError) as caught:
        search.main(["--data", str(tmp_path / "ratings.csv"), "--output", str(tmp_path / "r")])
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--data", "nowhere.csv"], "nowhere.csv"),
        (["--data", "movilens"], "movielens"),
        (["--strategy", "nsap"], "nasp"),
        (["--embeding_dim", "3"], "embedding_dim"),
        (["--device", "cuda:77"], "--device cpu"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(
    arguments: list[str],
    part: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # put back afterwards
    with pytest.raises(SystemExit) as ended:
        run_command(search.main)
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert part in printed.err


def test_duplicates_are_said_and_a_full_disk_is_one_line(
    ratings: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "ratings.csv"
    pd.concat([ratings, ratings.head(5)]).to_csv(path, index=False)
    limited = f"ulimit -f 40; exec {sys.executable} -m sif.search"  # 40 KB a file
    arguments = ["--data", str(path), "--output", str(tmp_path / "run"), *FAST]
    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {limited} {' '.join(arguments)}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "5 of 1505 rows rate the same user and item again; the last" in done.stderr
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert [p.name for p in (tmp_path / "run").iterdir() if p.name.startswith(".")] == []


def test_another_configuration_is_not_resumed(table: Path, tmp_path: Path) -> None:
    run = ["--data", str(table), "--output", str(tmp_path / "run"), *FAST, "--quiet"]
    search.main(run)
    before = (tmp_path / "run" / "result.json").read_bytes()
    with pytest.raises(NaspError, match=r"weight_decay was 5\.0, now 0\.5"):
        search.main([*run, "--resume", "--weight_decay", "0.5"])
    with pytest.raises(NaspError, match="holds a run"):
        search.main(run)
    assert (tmp_path / "run" / "result.json").read_bytes() == before


def test_a_search_goes_on_with_more_epochs_and_a_sampler_s_does_not(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["--restarts", "1", "--finalists", "1", "--train_epochs", "1", "--trials", "1"]

    def run(name: str, epochs: int, *more: str) -> dict[str, Any]:
        folder = ["--output", str(tmp_path / name), "--epochs", str(epochs)]
        search.main(["--data", str(table), *FAST, *few, *folder, *more])
        return result_of(tmp_path / name)

    assert run("run", 2)["prolonged_from"] == []
    assert "prolonged" not in capsys.readouterr().err
    assert run("run", 3, "--resume")["prolonged_from"] == [2]
    assert "prolonged from 2 to 3 epochs\n" in capsys.readouterr().err
    with pytest.raises(NaspError, match="is of 3 epochs, and epochs is now 2: give 3 or more"):
        run("run", 2, "--resume")
    run("sampler", 2, "--strategy", "random", "--quiet")
    with pytest.raises(NaspError, match="epochs was 2, now 3"):
        run("sampler", 3, "--strategy", "random", "--quiet", "--resume")


MOMENTS = {
    "nasp": [
        ("config.yaml", 1),
        ("checkpoint/search-1-of-2-*", 1),
        ("checkpoint/search-1-of-2-*", 3),
        ("trials/search-1.json", 1),
        ("checkpoint/search-2-of-2-*", 2),
        ("checkpoint/train-*-of-search-1-*", 2),
        ("checkpoint/train-*-of-search-2-*", 3),
        ("trials/finalist-2.json", 1),
        ("model.pt", 1),
        ("result.json", 1),
    ],
    "random": [
        ("checkpoint/train-*-trial-1-*", 2),
        ("checkpoint/train-*-trial-2-*", 1),
        ("trials/trial-2.json", 1),
    ],
}
"""By strategy: patterns and numbers of the files before whose writing the run is killed."""


@pytest.mark.parametrize("strategy", MOMENTS)
def test_killed_in_each_phase_and_resumed_it_ends_the_same(
    strategy: str, table: Path, tmp_path: Path
) -> None:
    whole, killed, errors = tmp_path / "whole", tmp_path / "killed", tmp_path / "errors"
    arguments = ["--data", str(table), *FAST, "--quiet", "--strategy", strategy, "--trials", "2"]
    code = run_forked("sif.search", [*arguments, "--output", str(whole)], errors)
    assert code == 0, errors.read_text()
    arguments += ["--output", str(killed), "--resume"]
    for number, (file, nth) in enumerate(MOMENTS[strategy]):  # each resumed run dies in turn
        killing = Killing(tmp_path / f"killing {number}", f"{killed}/{file}", nth)
        code = run_forked("sif.search", arguments, errors, killing)
        assert code == -signal.SIGKILL, (file, errors.read_text())
    assert run_forked("sif.search", arguments, errors) == 0, errors.read_text()
    first, second = result_of(whole), result_of(killed)
    assert first["genotype"] == second["genotype"]
    assert first["metrics"] == second["metrics"]
    names = [sorted(str(p.relative_to(f)) for p in f.rglob("*")) for f in (whole, killed)]
    assert names[0] == names[1]


@pytest.mark.skipif(not os.environ.get("NASP_DATA"), reason="NASP_DATA names no data folder")
def test_the_smoke_configuration_runs_on_movielens(tmp_path: Path) -> None:
    search.main(["--config", "smoke", "--output", str(tmp_path / "run"), "--tracking", "none"])
    result = result_of(tmp_path / "run")
    assert result["metrics"]["test/rmse"] < 1.05


def test_four_contexts_are_searched_over_a_bounded_space(
    ratings: pd.DataFrame, tmp_path: Path
) -> None:
    frame = ratings.assign(**{f"c{i}": ratings["item"] % (i + 2) for i in range(4)})
    frame.to_csv(tmp_path / "ratings.csv", index=False)
    columns = "user=user,item=item,rating=rating," + ",".join(f"context=c{i}" for i in range(4))
    few = ("--restarts", "1", "--finalists", "1", "--epochs", "2", "--train_epochs", "1")
    data = ("--data", str(tmp_path / "ratings.csv"), "--columns", columns)
    search.main([*data, "--output", str(tmp_path / "run"), *FAST, *few])
    assert result_of(tmp_path / "run")["genotype"]["choices"]["interaction"]


def test_a_tasks_own_defaults_stand_where_no_value_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(config.TASK_DEFAULTS, "ranking", {"embedding_dim": 32, "patience": 7})
    assert SearchConfig(patience=3).for_task("ranking", 100).embedding_dim == 32
    assert SearchConfig(patience=3).for_task("ranking", 100).patience == 3
    assert SearchConfig().for_task("rating", 100) == SearchConfig()
    said: list[str] = []
    many = SearchConfig().for_task("rating", 5_000_000, said.append)
    assert (many.batch_size, many.encoders) == (65536, ("id", "history"))
    assert "no graphs" in said[0]
    given = SearchConfig()
    given.given = frozenset({"embedding_dim"})  # type: ignore[misc]
    assert given.for_task("ranking", 100).embedding_dim == SearchConfig.embedding_dim
    assert given.for_task("ranking", 100).patience == 7
    # A training alone has the epochs of a training in a search, not those of the search.
    monkeypatch.setitem(config.TASK_DEFAULTS, "click", {"epochs": 4, "train_epochs": 12})
    said.clear()
    large = SearchConfig(restarts=5).for_task("ranking", 5_000_000, said.append)
    assert large.closed_form_trials < SearchConfig().for_task("ranking", 100).closed_form_trials
    assert large.encoders == ("id", "history")
    assert large.restarts == 5
    assert [line.split(",")[0] for line in said] == ["fewer epochs and trials", "no graphs"]
    assert SearchConfig().for_task("click", 100).epochs == 4
    assert config.TrainConfig().for_task("click", 100).epochs == 12
    assert config.TrainConfig(epochs=7).for_task("click", 100).epochs == 7
    assert config.TrainConfig().for_task("rating", 100) == config.TrainConfig()


def test_a_run_goes_on_with_its_own_side_table_alone(table: Path, tmp_path: Path) -> None:
    users = tmp_path / "users.csv"
    ids = sorted(set(pd.read_csv(table, dtype=str).iloc[:, 0]))

    def write(groups: str) -> None:
        rows = (f"{user},{groups[at % len(groups)]}" for at, user in enumerate(ids))
        users.write_text("\n".join(["user,group", *rows]))

    command = ["--data", str(table), "--genotype", "biased_mf", "--output", str(tmp_path / "run")]
    command += ["--epochs", "1", "--embedding_dim", "2", "--tracking", "none", "--quiet"]
    command += ["--user_features", str(users), "--sweeps", "0"]
    write("ab")
    train.main(command)
    expected = result_of(tmp_path / "run")["metrics"]
    train.main([*command, "--resume"])
    assert result_of(tmp_path / "run")["metrics"] == expected
    write("abc")
    with pytest.raises(NaspError, match="data_sha256 was"):
        train.main([*command, "--resume"])
