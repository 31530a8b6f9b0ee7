"""Comparisons of strategies measure each once, resume, and give the same on any executor."""

import json
from pathlib import Path
from typing import Any

import pytest

from nasp import cnn_compare, rnn_compare
from nasp.core.genotype import Genotype
from nasp.errors import Diverged, NaspError
from nasp.experiment import strategy_comparison
from nasp.rnn.zoo import ZOO
from tests.killing import Killing
from tests.nasp.cnn.conftest import write_photos
from tests.nasp.rnn.made import SMALL, write_texts

OPTIONS = {
    "methods": "nasp,random,random_cell",
    "genotypes": "enas",
    "seeds": "2",
    **{f"search.{name}": str(value) for name, value in SMALL.items()},
    **{"search.epochs": "1", "search.tokens": "200", "search.trials": "2"},
    **{"search.train_epochs": "1", "tracking": "none", "quiet": "true"},
}
METHODS = ("nasp", "random", "random_cell", "cell enas")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_texts(tmp_path_factory.mktemp("texts") / "made")


def compare(texts: Path, output: Path, **changed: str) -> dict[str, Any]:
    """Return the measurements by method and seed, without their times."""
    options = {**OPTIONS, "data": str(texts), "output": str(output), **changed}
    rnn_compare.main([f"--{key}={value}" for key, value in options.items()])
    measured = [json.loads(p.read_text()) for p in (output / "measurements").glob("*.json")]
    for one in measured:
        seconds = one.pop("seconds")
        assert all(part > 0 for part in seconds.values())
        if one["method"] == "nasp" and not one["failed"]:
            assert seconds["weights"] + seconds["architecture"] < seconds["search"]
        del one["digest"]
    return {f"{one['method']} {one['seed']}": one for one in measured}


@pytest.fixture(scope="module")
def done(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("comparison")
    return folder, compare(texts, folder)


def test_every_method_is_trained_alone_with_each_seed(done: tuple[Path, dict[str, Any]]) -> None:
    folder, measured = done
    assert set(measured) == {f"{method} {seed}" for method in METHODS for seed in (1, 2)}
    for one in measured.values():
        assert {"test/perplexity", "valid/perplexity", "model/parameters"} <= one["metrics"].keys()
        name = f"made_{one['method']}_seed={one['seed']}".replace(" ", "_")
        assert str(Genotype.load(folder / "genotypes" / f"{name}.json"))
        assert ("search/valid/perplexity" in one["metrics"]) == (
            one["method"] in ("nasp", "random")
        )
    assert Genotype.load(folder / "genotypes" / "made_cell_enas_seed=1.json") == ZOO["enas"]
    cells = {measured[f"random_cell {seed}"]["found"] for seed in (1, 2)}
    assert len(cells) == 2
    assert list((folder / "unfinished").iterdir()) == []
    assert (folder / "made.png").stat().st_size > 5_000


def test_the_table_is_sorted_by_the_test_metric(done: tuple[Path, dict[str, Any]]) -> None:
    folder, measured = done
    table = (folder / "table.md").read_text()
    rows = [
        line for line in table.splitlines() if line.startswith(tuple(f"| {m} |" for m in METHODS))
    ]
    means = {
        method: sum(measured[f"{method} {seed}"]["metrics"]["test/perplexity"] for seed in (1, 2))
        / 2
        for method in METHODS
    }
    names = [row.split(" | ")[0].removeprefix("| ") for row in rows[: len(METHODS)]]
    assert names == sorted(METHODS, key=lambda method: means[method])
    assert f"| {means[names[0]]:.4f} ± " in rows[0]


def test_measurements_do_not_depend_on_the_executor(
    texts: Path, done: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    assert compare(texts, tmp_path, executor="processes:2") == done[1]


def test_a_killed_worker_goes_on_with_its_search(
    texts: Path,
    done: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killing = Killing(tmp_path / "killing", "*/unfinished/*random*/trials/*1.json")
    for name, value in killing.variables.items():
        monkeypatch.setenv(name, value)
    only = {"methods": "random", "seeds": "1", "executor": "processes:1"}
    measured = compare(texts, tmp_path / "run", **only)
    assert killing.killed == 1
    assert measured["random 1"] == done[1]["random 1"]


def test_resuming_measures_only_what_is_missing(
    texts: Path, done: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    first = compare(texts, tmp_path, methods="random_cell", genotypes="enas", seeds="1")
    assert first["random_cell 1"] == done[1]["random_cell 1"]
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "measurements").iterdir()}
    own = {"strategies": "{random: {}}", "resume": "true"}
    assert compare(texts, tmp_path, **own) == done[1]
    assert {p: p.stat().st_mtime_ns for p in before} == before
    with pytest.raises(NaspError, match=r"another search\.train_epochs: give another --output"):
        compare(texts, tmp_path, resume="true", **{"search.train_epochs": "2"})


def test_a_cell_is_trained_several_times(
    texts: Path, done: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    given = {"methods": "nasp", "genotypes": "[]", "seeds": "1", "trainings": "2"}
    (twice,) = compare(texts, tmp_path, **given).values()
    once = done[1]["nasp 1"]
    assert twice["found"] == once["found"]
    name = "test/perplexity"
    deviation = twice["metrics"][f"{name}_between_trainings"]
    assert deviation > 0
    # The mean is half of the distance between the two away from the first.
    distance = abs(twice["metrics"][name] - once["metrics"][name])
    assert distance == pytest.approx(deviation / 2**0.5)
    table = (tmp_path / "table.md").read_text()
    assert "Each cell is trained 2 times" in table
    assert f"| {deviation:.4f} |" in table


def test_a_search_that_diverges_costs_only_its_row(
    texts: Path,
    done: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def diverge(*arguments: Any) -> None:
        raise Diverged("lower learning_rate")

    monkeypatch.setattr(strategy_comparison, "run_search", diverge)
    measured = compare(texts, tmp_path, methods="nasp,random_cell", genotypes="[]", seeds="1")
    assert measured["nasp 1"]["failed"] == "lower learning_rate"
    assert measured["random_cell 1"] == done[1]["random_cell 1"]
    assert "| nasp | 0 | failed: lower learning_rate |" in (tmp_path / "table.md").read_text()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"methods": "naspp"}, "unknown method 'naspp' .did you mean 'nasp'"),
        ({"methods": "nasp,nasp"}, "methods has nasp twice"),
        ({"genotypes": "darts_v3"}, "no genotype 'darts_v3' .did you mean 'darts_v"),
        ({"seeds": "0"}, "seeds is 0"),
        (
            {"search.strategy": "darts"},
            "search.strategy is darts; a comparison takes strategies by",
        ),
        ({"strategies": "{nasp: {etta: 1}}"}, "option of strategy 'nasp': 'etta' .did you mean"),
        ({"strategies": "{nsap: {}}"}, "unknown strategy in strategies: 'nsap'"),
        ({"data": "nowhere"}, "nowhere"),
        ({"search.epochs": "0"}, "epochs is 0"),
    ],
)
def test_mistakes_are_found_before_any_work(
    texts: Path, tmp_path: Path, changed: dict[str, str], message: str
) -> None:
    with pytest.raises(NaspError, match=message) as told:
        compare(texts, tmp_path / "new", **changed)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "new").exists()


def test_image_classifiers_are_compared_by_test_accuracy(tmp_path: Path) -> None:
    options = {
        "data": str(write_photos(tmp_path / "photos", 8)),
        "output": str(tmp_path / "run"),
        **{"methods": "nasp", "genotypes": "darts_v2", "seeds": "1"},
        **{"search.channels": "4", "search.layers": "3", "search.batch_size": "8"},
        **{"search.images": "32", "search.epochs": "1", "search.train_epochs": "1"},
        **{"tracking": "none", "quiet": "true", "device": "cpu"},
    }
    cnn_compare.main([f"--{key}={value}" for key, value in options.items()])
    for path in (tmp_path / "run" / "measurements").iterdir():
        one = json.loads(path.read_text())
        assert 0 <= one["metrics"]["test/accuracy"] <= 1
        assert one["metrics"]["model/mult_adds"] > 0
    assert "test accuracy" in (tmp_path / "run" / "table.md").read_text()
