"""The tables of SIF-Bench and the regret of searches in them."""

import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import sif_bench
    import sif_regret

    yield sif_bench, sif_regret
    for name in ("sif_bench", "sif_regret"):
        sys.modules.pop(name)


def test_a_table_is_written_and_read(scripts: Any, tmp_path: Path) -> None:
    bench, _ = scripts
    table = {
        ("a", "2", "id", "max", "map"): ("0.5", "0.6", "1", "2", "0.10"),
        ("a", "1", "id", "plus(max(user,item),context)", "map"): ("nan", "nan", "", "", "0.20"),
    }
    path = tmp_path / "table.csv"
    assert bench.read(path, bench.MEMBERS) == {}
    bench.write(path, bench.MEMBERS, table)
    assert bench.read(path, bench.MEMBERS) == table
    assert path.read_text().splitlines()[0] == (
        "data,seed,encoder,function,training,valid_rmse,test_rmse,epoch,epochs,seconds"
    )


def test_regret_is_that_of_the_best_by_validation(scripts: Any) -> None:
    _, regret = scripts
    rows = [
        ("", "biases", "0.95", "0.96"),
        ("id", "max", "0.90", "0.93"),
        ("id", "min", "0.91", "0.90"),
        ("history", "max", "0.80", "0.85"),
        ("history", "min", "nan", "nan"),
    ]
    table = {
        ("data", "1", encoder, function, "map"): (valid, test, "1", "2", "1.0")
        for encoder, function, valid, test in rows
    }
    table["data", "1", "id", "max", "posterior"] = ("0.1", "0.1", "1", "2", "1.0")
    (of,) = regret.benches(table).values()
    answer = of.answer([("id", "max"), ("id", "min")])
    assert answer == (0.90, 0.93)
    assert of.regret(answer) == pytest.approx(0.93 - 0.85)
    assert of.regret(of.answer(list(of.valid))) == 0.0
    assert of.biases == (0.95, 0.96)
    everything = of.sampled("exhaustive", 4, seed=1)
    assert sorted(everything) == sorted(of.valid)
    assert of.sampled("random", 3, seed=1) == of.sampled("random", 3, seed=1)
