"""The commands in `docs/extending/README.md`, each on small data."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from nasp.cli.main import COMMANDS
from nasp.errors import NaspError
from nasp.plugins import VARIABLE
from nasp.runs import plots
from sif import InteractionModel
from sif.data import Synthetic, synthetic
from sif.nn.operations import OPERATIONS
from sif.nn.space import DECISION
from tests.docs.conftest import EXTENDING, Use
from tests.docs.made import rating_task
from tests.nasp.cnn.conftest import write_photos
from tests.nasp.rnn.made import SMALL, write_texts

README = (EXTENDING / "README.md").read_text(encoding="utf-8")
TABLE = [
    line.strip("| ").split(" | ")
    for line in README.splitlines()
    if "python -m" in line and "|" in line
]
FEW = [
    *("--epochs", "2", "--trials", "2", "--train_epochs", "1"),
    *("--tracking", "none", "--quiet", "--output", "run"),
]
RATINGS = ["--embedding_dim", "2", "--warm_up", "1", "--restarts", "1", "--finalists", "1"]
SMALLER = {
    "sif.search": [*FEW, *RATINGS],
    "nasp.cnn_search": [
        *FEW[2:],
        "--epochs",
        "1",
        "--channels",
        "4",
        "--layers",
        "3",
        "--batch_size",
        "8",
    ],
    "nasp.rnn_search": [
        *FEW[2:],
        "--epochs",
        "1",
        "--tokens",
        "200",
        *(f"--{k}={v}" for k, v in SMALL.items()),
    ],
}
MADE_RATINGS = ["--data", "synthetic", "--synthetic.ratings", "900"]


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `my-data/`, which holds the data of the cards, a text and images."""
    shutil.copytree(EXTENDING / "datasets", tmp_path / "my-data" / "datasets")
    write_photos(tmp_path / "my-data" / "shapes", 8)
    for name in ("diary", "ptb"):
        write_texts(tmp_path / "my-data" / name)
    ratings = synthetic(Synthetic(users=40, items=30, ratings=900), seed=0)
    (tmp_path / "my-data" / "bookshop").mkdir()
    columns = {"user": "customer", "item": "isbn", "rating": "stars"}
    ratings.rename(columns=columns).to_csv(tmp_path / "my-data/bookshop/ratings.csv", index=False)
    monkeypatch.setenv("NASP_DATA", str(tmp_path / "my-data"))
    monkeypatch.chdir(tmp_path)
    for name in ("curves", "draw_weights", "search_records"):  # plots are tested elsewhere
        monkeypatch.setattr(plots, name, lambda *arguments: None)
    return tmp_path


def run(kind: str, monkeypatch: pytest.MonkeyPatch, number: int = 0) -> tuple[dict[str, Any], str]:
    """Run the command of a kind in this process, and return its result and its files' texts."""
    command = [row[-1] for row in TABLE if row[0] == kind][number].strip("`")
    plugins, _, call = command.rpartition("python -m ")
    module, *words = shlex.split(call)
    monkeypatch.setenv(VARIABLE, plugins.removeprefix(f"{VARIABLE}=").strip())
    if "--data" not in words:
        words += MADE_RATINGS if module == "sif.search" else ["--data", "my-data/shapes"]
    (found,) = (c for c in COMMANDS.values() if c.module == module)
    found.run([*words, *SMALLER[module]])
    texts = [
        path.read_text() for path in Path("run").rglob("*") if path.suffix in (".json", ".yaml")
    ]
    return json.loads(Path("run/result.json").read_text()), "\n".join(texts)


def test_every_kind_is_listed_and_needs_two_files_at_most() -> None:
    listed = set()
    for _, files, _, _ in TABLE:
        paths = [EXTENDING / path for path in re.findall(r"\]\(([^)]+)\)", files)]
        assert 1 <= len(paths) <= 2
        assert all(path.is_file() for path in paths)
        listed |= set(paths)
    assert listed == {*EXTENDING.glob("*.py"), *EXTENDING.glob("datasets/*/*")}
    assert len(TABLE) == 12


def test_a_strategy(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    result, texts = run("strategy", monkeypatch)
    assert result["strategy"] == "annealed"
    assert "temperature: 3.0" in texts


def test_its_option_is_in_the_help(
    use: Use, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "annealed")
    with pytest.raises(SystemExit):
        COMMANDS["search cnn"].run(["--strategy", "annealed", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "--strategy.temperature" in shown
    assert "Initial temperature of the softmax" in shown
    with pytest.raises(NaspError, match=r"temperature is -1\.0; it must be above 0"):
        COMMANDS["search cnn"].run(["--strategy", "annealed", "--strategy.temperature", "-1"])


def test_a_sampler(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    result, texts = run("sampler", monkeypatch)
    assert result["strategy"] == "hill_climbing"
    assert "explore: 0.5" in texts


def test_a_metric(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    result, texts = run("metric", monkeypatch)
    assert 0 < result["metrics"]["test/within_half"] < 1
    assert '"valid/within_half"' in texts  # of each epoch


def test_an_objective(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "objective: huber" in run("objective", monkeypatch)[1]


@pytest.mark.parametrize(
    ("kind", "name", "metric"),
    [
        ("rating data set", "bookshop", "test/rmse"),
        ("image data set", "shapes", "valid/accuracy"),
        ("text data set", "diary", "valid/perplexity"),
    ],
)
def test_a_data_set(
    kind: str, name: str, metric: str, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, _ = run(kind, monkeypatch)
    assert result["data"] == name
    assert result["metrics"][metric] > 0


@pytest.mark.parametrize(
    ("kind", "number", "name"),
    [
        ("CNN operation", 0, "shift_conv"),
        ("RNN operation", 0, "rms_norm"),
        ("interaction operation", 0, "attend(item,user)"),
        ("interaction operation", 1, "outer_product"),
    ],
)
def test_an_operation_is_searched(
    kind: str, number: int, name: str, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, texts = run(kind, monkeypatch, number)
    assert result["genotype"]
    assert f"/{name}" in texts  # its weight, by epoch


def test_a_baseline_is_compared_in_processes_of_their_own() -> None:
    (row,) = (row for row in TABLE if row[0] == "baseline")
    small = [*("--seeds", "1", "--tuning_trials", "0", "--embedding_dims", "2"), *MADE_RATINGS]
    small += ["--search.train_epochs", "2", "--tracking", "none", "--output", "run"]
    command = row[-1].strip("`").replace("python", sys.executable)
    path = os.pathsep.join([str(EXTENDING), *filter(None, sys.path)])
    done = subprocess.run(
        f"{command} {shlex.join(small)} --executor processes:1",
        shell=True,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "cosine" in Path("run/table.md").read_text()


def save_genotype(operation: str) -> list[str]:
    """Save the genotype of one operation, and return the options that train it."""
    space = rating_task(functions=(operation,)).space(torch.Generator(), dense=False)
    space.genotype({DECISION: (("id", operation),)}).save(Path("found.json"))
    words = ["--genotype", "found.json", *MADE_RATINGS, "--embedding_dim", "2", "--epochs", "2"]
    return [*words, "--quiet", "--output", "run"]


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the module `attend` from the imported and the named modules."""
    monkeypatch.delenv(VARIABLE)
    monkeypatch.delitem(OPERATIONS.places, "attend")
    del sys.modules["attend"]


def test_a_run_goes_on_only_where_its_operation_is_known(
    use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    use("attend")
    words = [*save_genotype("attend(item,user)"), "--tracking", "none"]
    COMMANDS["train sif"].run(words)
    metrics = json.loads(Path("run/result.json").read_text())["metrics"]
    forget(monkeypatch)
    with pytest.raises(NaspError, match=rf"unknown operation 'attend\(item,user\)'.*{VARIABLE}"):
        COMMANDS["train sif"].run([*words, "--output", "other"])
    with pytest.raises(NaspError, match=rf"{VARIABLE} was attend, now None: set it back"):
        COMMANDS["train sif"].run([*words, "--resume"])
    monkeypatch.setenv(VARIABLE, "attend")
    COMMANDS["train sif"].run([*words, "--resume"])
    assert json.loads(Path("run/result.json").read_text())["metrics"] == metrics


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_a_served_model_brings_its_module(
    use: Use, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import mlflow

    use("attend")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    COMMANDS["train sif"].run([*save_genotype("attend"), "--tracking", uri])
    model = InteractionModel.load("run/model.pt")
    pairs = pd.DataFrame({"user": model.encoder.ids[0][:3], "item": model.encoder.ids[1][:3]})
    expected = model.predict(pairs)
    forget(monkeypatch)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(EXTENDING)])
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(uri)
    tracked = client.get_run(Path("run/mlflow_run_id").read_text())
    (logged,) = client.search_logged_models([tracked.info.experiment_id])
    served = mlflow.pyfunc.load_model(logged.model_uri)
    assert served.predict(pairs) == pytest.approx(expected)
    assert EXTENDING not in Path(str(sys.modules["attend"].__file__)).parents
