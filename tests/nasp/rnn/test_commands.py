"""The commands, as a user runs them."""

import json
from pathlib import Path
from typing import Any

import pytest

from nasp import rnn_eval, rnn_search, rnn_train
from nasp.errors import NaspError
from nasp.rnn.commands import evaluate
from nasp.rnn.config import EvalConfig
from tests.nasp.rnn.made import SMALL, write_texts

pytestmark = pytest.mark.usefixtures("empty_pictures")
FAST = [
    *(word for name, value in SMALL.items() for word in (f"--{name}", str(value))),
    *("--epochs", "2", "--tokens", "200", "--tracking", "none"),
]


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    return ["--data", str(write_texts(tmp_path / "made"))]


def result_of(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def test_search_train_and_evaluate(
    data: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, trained = tmp_path / "found", tmp_path / "trained"
    rnn_search.main([*data, *FAST, "--output", str(found)])
    shown = capsys.readouterr().out
    assert "Genotype(recurrent=[(" in shown
    assert f"{result_of(found)['metrics']['valid/perplexity']:.2f}" in shown
    assert {path.name for path in found.iterdir()} == {
        *("cell.png", "cell.svg", "checkpoint", "config.yaml", "genotype.json"),
        *("result.json", "search.png", "search_records.png", "trials", "weights.png"),
    }
    rnn_train.main([*data, *FAST, "--genotype", str(found), "--output", str(trained)])
    result = result_of(trained)
    assert result["genotype"] == json.loads((found / "genotype.json").read_text())
    metrics = result["metrics"]
    assert {"train/loss", "valid/perplexity", "test/perplexity", "test/loss"} <= metrics.keys()
    # Embedding and decoder of 13 words and 10 units; 8 maps, and the maps of input and state.
    assert metrics["model/parameters"] == 13 * 10 + 13 + 10 * 10 * 2 * 10
    assert f"{metrics['test/perplexity']:.2f}" in capsys.readouterr().out
    judged = evaluate(EvalConfig(model=trained, data=data[1], device="cpu"))
    assert judged["test/loss"] == pytest.approx(metrics["test/loss"])
    rnn_eval.main(["--model", str(trained / "model.pt"), *data])
    assert f"test/perplexity {judged['test/perplexity']:.4f}" in capsys.readouterr().out


def test_a_search_by_trials_goes_on_without_those_that_diverge(
    data: list[str], tmp_path: Path
) -> None:
    some = [*data, *FAST, "--strategy", "random", "--trials", "6", "--train_epochs", "1"]
    some += [
        "--batch_size",
        "4",
        "--learning_rate",
        "80",
        "--gradient_clip",
        "1",
        "--output",
        str(tmp_path / "run"),
    ]
    failed = []
    for again in ([], ["--resume"]):
        with pytest.warns(UserWarning, match=r"is left out: .* lower learning_rate"):
            rnn_search.main([*some, "--quiet", *again])
        failed.append(result_of(tmp_path / "run")["failed"])
    assert failed[0] == failed[1]
    assert {f"trial {i}" for i in range(1, 7)} > failed[0].keys() > set()


def test_a_search_by_trials_and_its_configuration(data: list[str], tmp_path: Path) -> None:
    some = [*data, *FAST, "--quiet", "--strategy", "random", "--trials", "2"]
    rnn_search.main([*some, "--train_epochs", "1", "--output", str(tmp_path / "a")])
    config = ["--config", str(tmp_path / "a" / "config.yaml")]
    rnn_search.main([*config, "--output", str(tmp_path / "b")])
    first, second = result_of(tmp_path / "a"), result_of(tmp_path / "b")
    assert first["metrics"] == second["metrics"]
    assert first["genotype"] == second["genotype"]


def test_a_run_of_another_cell_is_not_gone_on_with(data: list[str], tmp_path: Path) -> None:
    run = [*data, *FAST, "--quiet", "--output", str(tmp_path / "run")]
    rnn_train.main([*run, "--genotype", "darts_v1"])
    before = result_of(tmp_path / "run")["metrics"]
    rnn_train.main([*run, "--genotype", "darts_v1", "--resume"])
    assert result_of(tmp_path / "run")["metrics"] == before
    with pytest.raises(NaspError, match="another configuration: genotype was"):
        rnn_train.main([*run, "--genotype", "darts_v2", "--resume"])


def test_mistakes_are_named(data: list[str], tmp_path: Path) -> None:
    with pytest.raises(NaspError, match="did you mean 'enas'"):
        rnn_train.main([*data, *FAST, "--genotype", "enass"])
    with pytest.raises(NaspError, match="unknown option --dropot"):
        rnn_train.main([*data, "--dropot", "0.1"])
    with pytest.raises(NaspError, match="cannot read the model file"):
        rnn_eval.main(["--model", str(tmp_path / "none.pt"), *data])


@pytest.mark.parametrize("name", ["smoke", "smoke_train", "ptb", "wikitext-2"])
def test_configurations_are_read(name: str, data: list[str], tmp_path: Path) -> None:
    command = rnn_search if name == "smoke" else rnn_train
    output = tmp_path / "run"
    small = ["--config", name, *data, *FAST, "--quiet", "--output", str(output)]
    command.main(small)
    assert (output / "result.json").exists()
