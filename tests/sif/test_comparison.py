"""Comparisons measure each cell once, with the same result on any executor."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nasp.errors import NaspError
from nasp.files.digest import with_digest
from nasp.registry import class_and_options
from nasp.runs.context import RunContext
from nasp.search import STRATEGIES, process_executor
from sif.compare import main
from sif.comparison.config import CompareConfig, Ranges, for_method
from sif.comparison.methods import FIXED, METHODS, Fitted
from sif.comparison.tuning import Watched, tune
from sif.config import RatingOptions
from sif.data import Synthetic, synthetic
from sif.data.search_data import SearchData
from sif.options import SearchOptions
from tests.killing import Killing

pytestmark = pytest.mark.usefixtures("empty_pictures")
SMALL = {
    "data": "synthetic",
    "synthetic.users": "60",
    "synthetic.items": "50",
    "synthetic.ratings": "900",
    "embedding_dims": "2",
    "seeds": "2",
    "tuning_trials": "2",
    "search.epochs": "2",
    "search.warm_up": "1",
    "search.restarts": "1",
    "search.finalists": "1",
    "search.trials": "1",
    "search.train_epochs": "2",
    "search.batch_size": "128",
    "tracking": "none",
    "quiet": "true",
}


def compare(folder: Path, **changed: str) -> dict[str, Any]:
    """Return the cells by name, without their times."""
    options = {**SMALL, "output": str(folder), "methods": "nasp,mf", **changed}
    main([f"--{key}={value}" for key, value in options.items()])
    cells = [json.loads(p.read_text()) for p in (folder / "measurements").glob("*seed=?.json")]
    for cell in cells:
        cell["curve"] = [rmse for _, rmse in cell["curve"]]
        del cell["seconds"], cell["digest"]
    return {f"{c['method']} {c['seed']}": c for c in cells}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("comparison")
    return folder, compare(folder)


def test_every_method_has_a_cell_for_each_seed(done: tuple[Path, dict[str, Any]]) -> None:
    folder, cells = done
    methods = ("global mean", "biases", "nasp", "mf")
    assert set(cells) == {f"{method} {seed}" for method in methods for seed in (1, 2)}
    table = (folder / "table.md").read_text()
    assert all(f"| {method} |" in table for method in methods)
    assert cells["nasp 1"]["found"]
    assert cells["nasp 1"]["tuned"] == cells["nasp 2"]["tuned"]
    assert set(cells["mf 1"]["tuned"]) == {"learning_rate", "weight_decay"}
    assert (folder / "synthetic.png").stat().st_size > 10_000


@pytest.mark.parametrize("executor", ["processes:2", "ray"])
def test_the_cells_do_not_depend_on_the_executor(
    executor: str, done: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    if executor == "ray" and find_spec("ray") is None:
        pytest.skip("the extra `ray` is not installed")
    assert compare(tmp_path, executor=executor) == done[1]


def test_a_group_whose_worker_is_killed_is_measured_again_or_fails_alone(
    done: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two kills are too many for the first group; the second group needs one retry."""
    monkeypatch.setattr(process_executor, "ATTEMPTS", 2)
    killing = Killing(
        tmp_path / "killing", "*/measurements/* *mf embedding_dim=2 seed=2.json", 1, 3
    )
    methods = "mf,biased_mf"
    with monkeypatch.context() as patch:
        for name, value in killing.variables.items():
            patch.setenv(name, value)
        cells = compare(tmp_path / "run", executor="processes:1", methods=methods)
    assert killing.killed == 3
    measured = [Path(path).name for path in killing.renamed]
    assert measured == ["synthetic mf embedding_dim=2 seed=2.json"]
    assert "biased_mf 2" not in cells  # no cell of it is written
    assert not list((tmp_path / "run").rglob(".*.tmp"))
    assert "| biased_mf | 2 | 1 of 2 |" in (tmp_path / "run" / "table.md").read_text()
    resumed = compare(tmp_path / "run", methods=methods, resume="true")
    assert [resumed[f"mf {seed}"] for seed in (1, 2)] == [done[1][f"mf {seed}"] for seed in (1, 2)]
    whole = compare(tmp_path / "whole", methods="biased_mf")
    assert {name: cell for name, cell in resumed.items() if name in whole} == whole


def test_resuming_measures_only_what_is_missing(
    done: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    first = compare(tmp_path, seeds="1")
    path = tmp_path / "measurements" / "synthetic mf embedding_dim=2 seed=1.json"
    body = json.loads(path.read_text())
    body["metrics"]["test/rmse"] = 123.0
    path.write_text(json.dumps(with_digest({k: v for k, v in body.items() if k != "digest"})))
    with pytest.raises(NaspError, match="--resume"):
        compare(tmp_path)
    resumed = compare(tmp_path, resume="true")
    assert resumed["mf 1"]["metrics"]["test/rmse"] == 123.0
    assert resumed["nasp 1"] == first["nasp 1"]
    assert resumed["mf 2"] == done[1]["mf 2"]
    assert "123.0000" not in (done[0] / "table.md").read_text()
    with pytest.raises(NaspError, match=r"search\.train_epochs.*another --output"):
        compare(tmp_path, resume="true", **{"search.train_epochs": "1"})
    path.write_text("{")
    with pytest.raises(NaspError, match=r"mf embedding_dim=2 seed=1\.json: damaged"):
        compare(tmp_path, resume="true")


def test_members_of_the_space_use_side_features(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"user": random.integers(20, size=300), "item": np.arange(300) % 15})
    frame["rating"] = 1 + 2 * (frame.user % 2) + random.integers(3, size=300)
    frame.to_csv(tmp_path / "ratings.csv", index=False)
    users = pd.DataFrame({"user": range(20), "group": [f"g{user % 2}" for user in range(20)]})
    users.to_csv(tmp_path / "users.csv", index=False)
    table = {"data": str(tmp_path / "ratings.csv"), "methods": "biased_mf,mf", "seeds": "1"}
    table |= {"tuning_trials": "0", "search.sweeps": "0"}
    alone = compare(tmp_path / "alone", **table)
    sided = compare(tmp_path / "sided", **table, user_features=str(tmp_path / "users.csv"))
    for method in ("global mean 1", "mf 1"):
        assert alone[method]["metrics"] == sided[method]["metrics"]
    assert alone["biased_mf 1"]["metrics"] != sided["biased_mf 1"]["metrics"]
    digests = {cell["identity"]["data_sha256"] for cell in (alone["mf 1"], sided["mf 1"])}
    assert len(digests) == 2


def test_two_tables_of_one_name_are_two_data_sets(tmp_path: Path) -> None:
    for folder, seed in (("a", 0), ("b", 1)):
        (tmp_path / folder).mkdir()
        frame = synthetic(Synthetic(users=40, items=30, ratings=400), seed=seed)
        frame.to_csv(tmp_path / folder / "ratings.csv", index=False)
    both = f"{tmp_path}/a/ratings.csv,{tmp_path}/b/ratings.csv"
    short = {"methods": "mf", "seeds": "1", "tuning_trials": "1"}
    compare(tmp_path / "run", data=both, **short)
    cells = [
        json.loads(p.read_text())
        for p in (tmp_path / "run" / "measurements").glob("*mf*seed=1.json")
    ]
    assert len({cell["metrics"]["test/rmse"] for cell in cells}) == 2
    pictures = [path for path in (tmp_path / "run").glob("*.png")]
    assert len(pictures) == 2
    (tmp_path / "a" / "ratings.csv").write_bytes((tmp_path / "b" / "ratings.csv").read_bytes())
    with pytest.raises(NaspError, match="measured with another data_sha256"):
        compare(tmp_path / "run", data=both, resume="true", **short)


def test_a_cell_of_something_else_is_refused(
    done: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    shutil.copytree(done[0], tmp_path / "run")
    path = tmp_path / "run" / "measurements" / "synthetic mf embedding_dim=2 seed=1.json"
    whole = path.read_text()
    path.write_text(whole.replace('"test/mae"', '"test/mse"'))
    with pytest.raises(NaspError, match=r"seed=1\.json: damaged: delete it"):
        compare(tmp_path / "run", resume="true")
    path.write_text((path.parent / "synthetic mf embedding_dim=2 seed=2.json").read_text())
    with pytest.raises(NaspError, match=r"seed=1\.json: of another seed, 2"):
        compare(tmp_path / "run", resume="true")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"methods": "naspp"}, "'naspp' .did you mean 'nasp'"),
        ({"seeds": "0"}, "seeds is 0"),
        ({"tune.learning_rate": "0.5,0.1"}, "tune.learning_rate"),
        ({"data": "nothing.csv"}, "nothing.csv"),
        ({"data": "synthetic,synthetic"}, "data has synthetic twice"),
        ({"methods": "mf,mf"}, "methods has mf twice"),
        ({"embedding_dims": "2,2"}, "embedding_dims has 2 twice"),
        ({"executor": "process"}, "unknown executor 'process' .did you mean 'processes'"),
        ({"executor": "processes:0"}, "--executor processes:0: the number of processes must be"),
        ({"device": "cuda"}, "device is cuda; a comparison runs on the CPU"),
        ({"tune.strategies": "{nsap: {eta: [1, 2]}}"}, "tune.strategies: 'nsap' .*'nasp'"),
        ({"tune.strategies": "{nasp: {etta: [1, 2]}}"}, "option of nasp in .*'etta' .*'eta'"),
        ({"tune.strategies": "{random: {eta: [1, 2]}}"}, "random has no options of its own"),
        ({"tune.strategies": "{nasp: {eta: [2, 1]}}"}, r"nasp.eta is \[2.0, 1.0\]; it must be two"),
        (
            {"tune.strategies": "{nasp: {betas: [1, 2]}}"},
            "betas cannot be tuned: its value is",
        ),
        ({"tune.strategies": "{nasp: {probe_fraction: [1, 2]}}"}, "it must be at most 1"),
        ({"tune.strategies": "{tpe: {startup: [1.5, 2]}}"}, "tpe.startup is .* whole numbers"),
        ({"tune.strategies": "{1: {2: [1, 2]}}"}, "unknown strategy in tune.strategies: '1'"),
    ],
)
def test_mistakes_are_found_before_any_work(
    tmp_path: Path, changed: dict[str, str], message: str
) -> None:
    with pytest.raises(NaspError, match=message) as told:
        compare(tmp_path / "new", **changed)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "new").exists()


def test_the_global_mean_is_one_for_all_ratings(tmp_path: Path) -> None:
    rows = [(u, (7 * u + k) % 40, 1.0 + (u * k) % 5) for u in range(60) for k in range(2)]
    frame = pd.DataFrame(rows, columns=["user", "item", "rating"])
    frame.to_csv(tmp_path / "r.csv", index=False)
    cells = compare(tmp_path / "run", data=str(tmp_path / "r.csv"), methods="mf", seeds="1")
    splits = RatingOptions().load(str(tmp_path / "r.csv"), 1).splits
    mean = splits.train.ratings.mean()
    for name, part in (("valid/rmse", splits.valid), ("test/rmse", splits.test)):
        expected = np.sqrt(np.square(part.ratings - mean).mean())
        assert cells["global mean 1"]["metrics"][name] == pytest.approx(expected, rel=1e-5)


def test_a_method_for_other_numbers_of_entities_is_told(tmp_path: Path) -> None:
    with pytest.raises(NaspError, match="cp does not take ratings by 2 entities"):
        compare(tmp_path / "new", methods="cp")
    frame = synthetic(Synthetic(users=20, items=15, ratings=200), seed=1)
    frame.assign(mood=frame.index % 2).to_csv(tmp_path / "c.csv", index=False)
    with pytest.warns(UserWarning, match=r"c\.csv: mf left out, because it has 3 entities"):
        compare(
            tmp_path / "run",
            **{"data": f"{tmp_path / 'c.csv'},synthetic", "columns": "context=mood"},
            **{"methods": "mf,plus", "seeds": "1", "tuning_trials": "1"},
        )
    assert "left out: " in (tmp_path / "run" / "table.md").read_text()


def test_a_method_that_diverges_costs_only_its_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverged(data: SearchData, options: SearchOptions, seed: int, run: RunContext) -> Fitted:
        raise NaspError("lower the learning rate")

    monkeypatch.setitem(METHODS, "mf", diverged)
    cells = compare(tmp_path, methods="mf,biased_mf", seeds="1")
    assert cells["mf 1"]["failed"] == "lower the learning rate"
    assert cells["biased_mf 1"]["metrics"]
    assert "failed: lower the learning rate" in (tmp_path / "table.md").read_text()


def test_tuning_is_no_worse_than_the_defaults_on_validation() -> None:
    ratings = RatingOptions(synthetic=Synthetic(users=60, items=50, ratings=900))
    splits = ratings.load("synthetic", 1).splits
    data = SearchData.from_splits(splits.train, splits.valid)
    options = SearchOptions(train_epochs=3, embedding_dim=2, learning_rate=0.01)

    def best(learning_rate: float, weight_decay: float) -> float:
        watched = Watched()
        chosen = SearchOptions(
            train_epochs=3,
            embedding_dim=2,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
        )
        FIXED["mf"](data, chosen, 1, RunContext(progress=watched))
        return watched.best()[-1]

    bounds = Ranges().of("mf")
    tuned = tune("mf", data, options, bounds, 6, 1)
    assert best(**tuned) < best(0.01, options.weight_decay)
    assert tuned == tune("mf", data, options, bounds, 6, 1)
    assert tune("mf", data, options, bounds, 0, 1) == {
        "learning_rate": 0.01,
        "weight_decay": options.weight_decay,
    }


def test_a_strategys_own_options_are_tuned_and_others_ignore_them() -> None:
    own = {"nasp": {"eta": (0.01, 0.1)}, "evolution": {"population": (3.0, 5.0)}}
    ranges = Ranges(learning_rate=None, strategies=own)
    assert list(ranges.of("nasp")) == ["weight_decay", "strategy.eta"]
    assert list(ranges.of("evolution")) == ["weight_decay", "strategy.population"]
    assert list(ranges.of("darts")) == list(ranges.of("mf")) == ["weight_decay"]
    ratings = RatingOptions(synthetic=Synthetic(users=30, items=20, ratings=300))
    splits = ratings.load("synthetic", 1).splits
    data = SearchData.from_splits(splits.train, splits.valid)
    shared = SearchOptions(
        **{"embedding_dim": 2, "epochs": 1, "warm_up": 0, "restarts": 1, "finalists": 1},
        **{"trials": 4, "train_epochs": 1, "strategy": {"name": "nasp", "eta": 0.5}},  # type: ignore[arg-type]
    )
    seen: list[dict[str, Any]] = []
    for method, name, kind in (("nasp", "eta", float), ("evolution", "population", int)):
        options = for_method(method, shared, {})
        bounds = ranges.of(method)
        tuned = tune(method, data, options, bounds, 3, 1)
        low, high = own[method][name]
        value = tuned[f"strategy.{name}"]
        assert type(value) is kind
        assert low <= value <= high
        chosen, given = class_and_options(for_method(method, shared, tuned), "strategy")
        assert chosen is STRATEGIES[method]
        assert getattr(given, name) == value
        seen.append(tuned)
        at_first = tune(method, data, options, bounds, 0, 1)
        assert at_first[f"strategy.{name}"] == {"nasp": 0.5, "evolution": 8}[method]
    assert seen[0].keys() != seen[1].keys()


def test_the_options_of_one_strategy_are_not_those_of_another() -> None:
    options = SearchOptions(strategy={"name": "nasp", "eta": 0.5})
    assert for_method("nasp", options, {}).strategy == {"name": "nasp", "eta": 0.5}
    assert for_method("nasp", options, {"strategy.eta": 0.1}).strategy == {
        "name": "nasp",
        "eta": 0.1,
    }
    assert for_method("darts", options, {}).strategy_name == "darts"
    assert class_and_options(for_method("darts", options, {}), "strategy")[1].learning_rate == 3e-4
    fixed = for_method("mf", options, {"learning_rate": 0.2})
    assert (fixed.strategy, fixed.learning_rate) == (options.strategy, 0.2)


def test_all_methods_are_compared_unless_some_are_named() -> None:
    assert CompareConfig().methods == ()
    assert {"nasp", "darts", "darts2", "single_level", "random", "mf"} <= set(METHODS)
