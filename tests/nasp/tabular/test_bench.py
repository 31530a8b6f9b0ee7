"""The command that judges samplers by look-up."""

import json
from pathlib import Path

import pytest
import torch

from nasp import bench
from nasp.errors import NaspError
from nasp.samplers import SAMPLERS
from nasp.tabular import TABLES
from nasp.tabular.options import BenchOptions
from nasp.tabular.searches import Searches, regrets
from tests.nasp.tabular import made


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.macro(tmp_path_factory.mktemp("macro") / "table.csv")


def judged(table: Path, output: Path, *more: str) -> dict:
    words = ["--space", "nasbench_macro", "--table", str(table), "--output", str(output)]
    few = ["--strategies", "random,evolution", "--seeds", "4", "--trials", "3,20"]
    bench.main([*words, *few, "--tracking", "none", "--quiet", *more])
    return json.loads((output / "result.json").read_text())


def test_the_answer_is_the_best_seen_and_its_regret_is_that_of_the_judged(tmp_path: Path) -> None:
    problem = TABLES["sif_bench"]().read(made.sif_bench(tmp_path / "t.csv"))["shop"]
    measured = problem.splits[0]
    sampler = SAMPLERS["exhaustive"](problem.decisions, torch.Generator().manual_seed(0))
    found = regrets(sampler, problem, measured, 8)
    assert found[3:] == [0.0] * 5
    assert found == sorted(found, reverse=True)
    assert {round(regret, 6) for regret in found[:3]} <= {0.0, 0.1, 0.2}


def test_a_run_writes_table_picture_and_result_by_its_seed(table: Path, tmp_path: Path) -> None:
    first = judged(table, tmp_path / "a", "--executor", "processes:2")
    second = judged(table, tmp_path / "b")
    means = []
    for result in (first, second):
        means.append({n: one["regret"] for n, one in result["regret"]["cifar10"].items()})
    assert means[0] == means[1]
    assert means[0]["random"]["3"]["mean"] > means[0]["random"]["20"]["mean"] > 0
    assert first["space"] == "nasbench_macro"
    text = (tmp_path / "a" / "table.md").read_text()
    assert "| sampler | 3 trials | 20 trials | ms |" in text
    assert "| random | " in text
    assert (tmp_path / "a" / "regret.png").stat().st_size > 10_000


def test_a_stopped_run_continues(table: Path, tmp_path: Path) -> None:
    whole = judged(table, tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    removed = next((tmp_path / "run" / "checkpoint").glob("*random*"))
    removed.unlink()
    again = judged(table, tmp_path / "run", "--resume")
    for result in (whole, again):
        del result["regret"]["cifar10"]["random"]["milliseconds"]  # repeated
    assert whole["regret"] == again["regret"]


def test_mean_and_deviation_are_over_seeds() -> None:
    one = Searches(torch.tensor([[3.0, 1.0], [5.0, 1.0]], dtype=torch.float64), 0.004)
    assert (one.mean(1), one.deviation(1), one.deviation(2)) == (4.0, pytest.approx(2**0.5), 0.0)
    assert one.milliseconds() == 1.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"space": "nasbench_makro"}, "unknown space 'nasbench_makro' .did you mean"),
        (
            {"strategies": ("darts",)},
            "darts searches on shared weights, and a table has no network",
        ),
        ({"strategies": ("randon",)}, "unknown sampler 'randon' .did you mean 'random'"),
        ({"strategies": ("random", "random")}, "strategies has random twice"),
        ({"seeds": 0}, "seeds is 0; it must be above 0"),
        ({"trials": (0, 5)}, "trials are .0, 5.: give numbers from 1"),
        ({"options": {"evolution": {"populatoin": 3}}}, "'populatoin' .did you mean 'popul"),
        ({"options": {"evolution": 3}}, "options.evolution is 3: give its options"),
    ],
)
def test_wrong_options_are_named(options: dict, said: str) -> None:
    with pytest.raises(NaspError, match=said):
        BenchOptions(**options)


def test_a_missing_table_and_an_unknown_data_set_are_named(table: Path, tmp_path: Path) -> None:
    with pytest.raises(NaspError, match=r"no\.csv"):
        judged(tmp_path / "no.csv", tmp_path / "run")
    with pytest.raises(
        NaspError, match=r"unknown data set in .*: 'cifar11' .did you mean 'cifar10"
    ):
        judged(table, tmp_path / "run", "--data", "cifar11")
    assert not (tmp_path / "run").exists()


def test_the_table_is_found_in_the_folder_of_data_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NASP_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    few = ["--space", "sif_bench", "--strategies", "random", "--seeds", "2", "--trials", "2"]
    words = [*few, "--tracking", "none", "--quiet", "--output", str(tmp_path / "run")]
    with pytest.raises(NaspError, match=r"sif-bench is in none of .*: make it by"):
        bench.main(words)
    made.sif_bench(tmp_path / "sif_bench.csv")
    bench.main(words)
    assert (tmp_path / "run" / "result.json").exists()
