"""The commands for CNN cells, as a user runs them: results, records, mistakes and kills."""

import base64
import json
import os
import pickle
import subprocess
import sys
import tarfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from nasp import cnn_compare, cnn_eval, cnn_search, cnn_train
from nasp.cnn import fit, report, tasks
from nasp.cnn.classify import ImageClassifier
from nasp.cnn.commands import class_order, evaluate
from nasp.cnn.config import EvalConfig
from nasp.cnn.data import load_cifar
from nasp.cnn.genotype import plans
from nasp.cnn.model_file import load_network
from nasp.cnn.options import SearchOptions
from nasp.cnn.tasks import ImageTask, open_search
from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.experiment.run_folder import run_command
from nasp.runs import checkpoint
from tests.nasp.cnn.conftest import write_photos
from tests.nasp.cnn.data.made import image_bytes, random_images, write_folders, write_parquet

SMALL = ["--channels", "4", "--layers", "3", "--batch_size", "8", "--device", "cpu", "--quiet"]
SEARCH = [*SMALL, "--epochs", "2", "--images", "32", "--trials", "2", "--train_epochs", "1"]
TRAIN = [*SMALL, "--epochs", "3", "--cutout", "2", "--drop_path_prob", "0.3", "--validation", "8"]
PICTURES = {"cells.png", "cells.svg", "search.png", "search_records.png"}
Main = Callable[[list[str]], None]


class Killed(Exception):
    """Raised in place of the end of a process."""


def run(main: Main, options: list[str], data: Path, output: Path, *more: str) -> dict[str, Any]:
    """Run a command without tracking, and return its result."""
    main(["--data", str(data), "--output", str(output), "--tracking", "none", *options, *more])
    return result_of(output)


def result_of(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def told(result: dict[str, Any]) -> tuple[Any, Any]:
    """Return the parts of a result that the seed determines."""
    return result["genotype"], result["metrics"]


@pytest.fixture(scope="module")
def searched(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("searched") / "found"
    run(cnn_search.main, [*SEARCH, "--epochs", "1"], photos, folder)
    return folder


@pytest.fixture(scope="module")
def trained(
    photos: Path, searched: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A training of the found cell, tracked in a store next to its folder."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    data = ["--data", str(photos), "--genotype", str(searched), "--output", str(folder)]
    cnn_train.main([*data, *TRAIN, "--tracking", f"sqlite:///{folder.parent / 'mlflow.db'}"])
    yield folder


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "draw_cells", lambda *arguments: None)
    for name in ("draw_weights", "curves", "search_records"):
        monkeypatch.setattr(report.plots, name, lambda *arguments: None)


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """End the run at the evaluation of an epoch; all epochs before are in the checkpoint."""
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN_WRITES", 0.0)
    evaluate = tasks.evaluate

    def at(epoch: int) -> None:
        left = epoch

        def evaluated(*arguments: Any) -> dict[str, float]:
            nonlocal left
            left -= 1
            if not left:
                raise Killed
            return evaluate(*arguments)

        monkeypatch.setattr(tasks, "evaluate", evaluated)

    return at


def test_a_search_leaves_its_records(searched: Path, photos: Path) -> None:
    pictures = {*PICTURES, "weights_normal.png", "weights_reduce.png"}
    files = {"checkpoint", "config.yaml", "genotype.json", "result.json", "trials", *pictures}
    assert {path.name for path in searched.iterdir()} == files
    for path in searched.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    result = result_of(searched)
    expected = {"task": "cnn", "data": str(photos), "strategy": "nasp", "seed": 1}
    assert {key: result[key] for key in expected} == expected
    assert result["seconds"].keys() == {"search", "total"}
    assert {"peak_memory_mb", "device", "versions", "commit"} <= result.keys()
    genotype = Genotype.load(searched / "genotype.json")
    assert result["genotype"] == json.loads(genotype.to_json())
    assert [len(node) for plan in plans(genotype) for node in plan.nodes] == 8 * [2]
    metrics = result["metrics"]
    names = {"valid/loss", "valid/accuracy", "valid/top5_accuracy", "model/parameters"}
    assert metrics.keys() == names
    assert metrics["model/parameters"] == report.published_size(genotype)
    assert 16 * metrics["valid/accuracy"] in range(17)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("strategy", ["nasp", "darts", "random"])
def test_same_seed_same_search_killed_or_not(
    strategy: str, photos: Path, tmp_path: Path, killed_at: Callable[[int], None]
) -> None:
    options = [*SEARCH, "--images", "16", "--strategy", strategy]
    if strategy == "nasp":
        options += ["--strategy.probe_fraction", "0.4"]
    if strategy == "darts":  # which runs all operations
        options += ["--space", "darts"]
    whole = run(cnn_search.main, options, photos, tmp_path / "whole")
    assert whole["strategy"] == strategy
    killed_at(2)
    with pytest.raises(Killed):
        run(cnn_search.main, options, photos, tmp_path / "killed")
    killed_at(9)
    resumed = run(cnn_search.main, options, photos, tmp_path / "killed", "--resume")
    assert told(resumed) == told(whole)
    other = run(cnn_search.main, options, photos, tmp_path / "other", "--seed", "2")
    assert told(other) != told(whole)


@pytest.mark.usefixtures("no_pictures")
def test_the_best_epoch_by_validation_is_what_was_found(photos: Path, tmp_path: Path) -> None:
    """Or that of the last epoch with `answer=last`, but never of an epoch of the warm-up."""
    options = [*SEARCH, "--epochs", "4", "--strategy.learning_rate", "0.2"]
    for seed in ("12", "17", "4", "22"):  # of most seeds the last epoch is among the best
        folder = tmp_path / seed
        best = run(cnn_search.main, options, photos, folder, "--seed", seed)
        (file,) = (folder / "checkpoint").glob("search-*.pt")
        history = torch.load(file, weights_only=True)["state"]["history"]
        accuracies = [epoch["valid/accuracy"] for epoch in history]
        if max(accuracies) > accuracies[-1]:
            break
    assert best["metrics"]["valid/accuracy"] == max(accuracies) > accuracies[-1]
    more = ["--seed", seed, "--answer", "last"]
    last = run(cnn_search.main, options, photos, tmp_path / "last", *more)
    assert last["metrics"]["valid/accuracy"] == accuracies[-1]
    assert best["genotype"] != last["genotype"]


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(("fraction", "steps"), [(0.75, 3), (0.25, 1), (0.875, 3)])
def test_a_search_trains_on_all_images_of_its_half(
    fraction: float, steps: int, photos: Path, tmp_path: Path
) -> None:
    """A shorter validation half is repeated, even if it is smaller than a batch."""
    taken: Counter[type] = Counter()
    handle = register_optimizer_step_post_hook(
        lambda optimizer, *_: taken.update([type(optimizer)])
    )
    try:
        options = [*SEARCH, "--epochs", "1", "--train_fraction", str(fraction)]
        run(cnn_search.main, options, photos, tmp_path)
    finally:
        handle.remove()
    assert {kind.__name__: count for kind, count in taken.items()} == {
        "SGD": steps,
        "Adam": steps,
    }


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("main", [cnn_search.main, cnn_train.main])
def test_twice_as_bright_images_are_the_same_to_a_network(main: Main, tmp_path: Path) -> None:
    """Mean and deviation are computed from the training images and stored with the model."""
    found = []
    for times in (1, 2):
        data = tmp_path / f"{times} times"
        data.mkdir()
        for split, count in (("train", 32), ("test", 16)):
            arrays = random_images(count, 8, seed=count) // 2 * times
            images, labels = [image_bytes(array) for array in arrays], [i % 3 for i in range(count)]
            write_parquet(data / f"{split}-00000-of-00001.parquet", images, labels)
        result = run(main, [*SMALL, "--epochs", "1"], data, tmp_path / f"run {times}")
        found.append({k: v for k, v in result["metrics"].items() if "loss" in k})
    assert found[1] == pytest.approx(found[0], rel=1e-3)
    if main is cnn_train.main:
        pixels = load_cifar(data).train[torch.arange(32)].images.double() / 255
        seen = load_network(tmp_path / "run 2" / "model.pt").normalise
        assert seen.mean == pytest.approx(pixels.mean((0, 2, 3)).tolist())
        assert seen.std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist())


def test_training_leaves_its_records(trained: Path, searched: Path) -> None:
    assert {path.name for path in trained.iterdir()} == {
        *("checkpoint", "config.yaml", "genotype.json", "mlflow_run_id", "model.pt"),
        *("result.json", "training.png"),
    }
    result, found = result_of(trained), result_of(searched)
    assert result["genotype"] == found["genotype"]
    assert result["strategy"] == "train"
    assert result["seconds"].keys() == {"train", "total"}
    metrics = result["metrics"]
    judged = {f"{s}/{m}" for s in ("valid", "test") for m in ("loss", "accuracy", "top5_accuracy")}
    assert metrics.keys() == {"train/loss", *judged, "model/parameters", "model/mult_adds"}
    for split, count in (("valid", 8), ("test", 20)):
        right = count * metrics[f"{split}/accuracy"]
        assert right == pytest.approx(round(right))


def test_evaluation_has_the_trainings_test_result(
    trained: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = result_of(trained)["metrics"]
    for model in (trained, trained / "model.pt"):
        found = evaluate(EvalConfig(model, str(photos), device="cpu"))
        for name in ("loss", "accuracy", "top5_accuracy"):
            assert found[f"test/{name}"] == expected[f"test/{name}"]
        assert 1e6 * found["model/parameters_m"] == pytest.approx(expected["model/parameters"])
        assert 1e6 * found["model/mult_adds_m"] == pytest.approx(expected["model/mult_adds"])
    cnn_eval.main(["--model", str(trained), "--data", str(photos), "--device", "cpu"])
    assert f"test/accuracy {expected['test/accuracy']:.4f}" in capsys.readouterr().out


@pytest.mark.usefixtures("no_pictures")
def test_training_resumed_is_uninterrupted(
    trained: Path,
    searched: Path,
    photos: Path,
    tmp_path: Path,
    killed_at: Callable[[int], None],
) -> None:
    options = [*TRAIN, "--genotype", str(searched)]
    killed_at(2)
    with pytest.raises(Killed):
        run(cnn_train.main, options, photos, tmp_path / "killed")
    killed_at(9)
    resumed = run(cnn_train.main, options, photos, tmp_path / "killed", "--resume")
    assert told(resumed) == told(result_of(trained))
    ours, exact = (
        load_network(folder / "model.pt").network.state_dict()
        for folder in (tmp_path / "killed", trained)
    )
    assert all(torch.equal(ours[name], exact[name]) for name in exact)


@pytest.mark.usefixtures("no_pictures")
def test_a_prolonged_training_follows_the_schedule_of_all_epochs(
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rates: list[float] = []
    rate = fit.learning_rate

    def recorded(*given: Any) -> float:
        rates.append(rate(*given))
        return rates[-1]

    monkeypatch.setattr(fit, "learning_rate", recorded)
    options = [word for word in TRAIN if word != "--quiet"] + ["--genotype", "nasp"]
    run(cnn_train.main, options, photos, tmp_path / "run", "--epochs", "1")
    result = run(cnn_train.main, options, photos, tmp_path / "run", "--epochs", "2", "--resume")
    assert rates == pytest.approx([0.025, 0.0125])  # the second is half way down to 0
    assert result["prolonged_from"] == [1]
    line = "prolonged from 1 to 2 epochs; from here on, the learning rate and drop path as in a run"
    assert f"{line} of 2 epochs\n" in capsys.readouterr().err


@pytest.mark.usefixtures("no_pictures")
def test_test_images_are_touched_once_after_training(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With other test images, only the test metrics change."""
    other = write_photos(tmp_path / "other", 8)
    shards = other / "test-00000-of-00001.parquet"
    shards.write_bytes((photos / "train-00000-of-00001.parquet").read_bytes())
    options = [*TRAIN, "--epochs", "1"]
    first = run(cnn_train.main, options, photos, tmp_path / "a")["metrics"]
    second = run(cnn_train.main, options, other, tmp_path / "b")["metrics"]
    differing = {name for name in first if first[name] != second[name]}
    assert "test/loss" in differing
    assert all(name.startswith("test/") for name in differing)


@pytest.mark.usefixtures("no_pictures")
def test_folders_of_jpegs_train_at_a_size(tmp_path: Path) -> None:
    for split, count in (("train", 6), ("val", 2)):
        for number, label in enumerate(("n01", "n02")):
            folder = tmp_path / "tiny" / split / label
            folder.mkdir(parents=True)
            for i, array in enumerate(random_images(count, 40, seed=number)):
                (folder / f"{i}.JPEG").write_bytes(image_bytes(array, "JPEG"))
    options = [*SMALL[:4], "--batch_size", "4", "--device", "cpu", "--quiet", "--epochs", "1"]
    options += ["--size", "32", "--workers", "0", "--validation", "3", "--genotype", "darts_v2"]
    result = run(cnn_train.main, options, tmp_path / "tiny", tmp_path / "run")
    assert 4 * result["metrics"]["test/accuracy"] in range(5)
    model = load_network(tmp_path / "run" / "model.pt")
    assert (model.network.kind, model.size, model.class_names) == ("imagenet", 32, ("n01", "n02"))
    found = evaluate(EvalConfig(tmp_path / "run", str(tmp_path / "tiny"), device="cpu", workers=0))
    assert found["test/loss"] == result["metrics"]["test/loss"]
    # Other names of the classes: another order is the same, another name is refused.
    for split in ("train", "val"):
        (tmp_path / "tiny" / split / "n01").rename(tmp_path / "tiny" / split / "n03")
    again = EvalConfig(tmp_path / "run", str(tmp_path / "tiny"), device="cpu", workers=0)
    with pytest.raises(NaspError, match=r"class 'n03' .did you mean 'n0.'.*classes are n01, n02"):
        evaluate(again)
    with pytest.raises(NaspError, match=r"form of cifar, but .* form of imagenet"):
        other = write_photos(tmp_path / "photos", 8, classes=2)
        evaluate(EvalConfig(tmp_path / "run", str(other), device="cpu"))


FOLDERS = ["--channels", "4", "--layers", "3", "--batch_size", "4", "--device", "cpu", "--quiet"]
FOLDERS += ["--size", "32", "--epochs", "1", "--train_epochs", "1", "--trials", "2"]


@pytest.mark.usefixtures("no_pictures")
def test_a_search_reads_folders_of_images_and_a_tar_of_them(tmp_path: Path) -> None:
    """Searches on shared weights and stand-alone trainings, killed or not, in any process."""
    write_folders(tmp_path / "own", per_class=6, size=40)
    with tarfile.open(tmp_path / "own.tar", "w") as file:
        file.add(tmp_path / "own", "own")
    alone = [*FOLDERS, "--workers", "0"]
    whole = run(cnn_search.main, alone, tmp_path / "own", tmp_path / "a", "--finalists", "1")
    assert 6 * whole["metrics"]["valid/accuracy"] == pytest.approx(
        round(6 * whole["metrics"]["valid/accuracy"])
    )
    packed = run(cnn_search.main, alone, tmp_path / "own.tar", tmp_path / "b", "--finalists", "1")
    assert told(packed) == told(whole)
    other = run(cnn_search.main, alone, tmp_path / "own", tmp_path / "c", "--seed", "2")
    assert told(other) != told(whole)


@pytest.mark.usefixtures("no_pictures")
def test_a_comparison_reads_folders_of_images(tmp_path: Path) -> None:
    write_folders(tmp_path / "own", per_class=6, size=40)
    options = [f"--search.{name[2:]}" if name.startswith("--") else name for name in FOLDERS[:6]]
    options += ["--search.size", "32", "--search.workers", "0", "--search.epochs", "1"]
    options += ["--search.train_epochs", "1", "--methods", "[nasp, random_cell]", "--seeds", "1"]
    options += ["--data", f"[{tmp_path / 'own'}]", "--output", str(tmp_path / "run")]
    cnn_compare.main([*options, "--device", "cpu", "--quiet", "--tracking", "none"])
    files = (tmp_path / "run" / "measurements").glob("*.json")
    measured = [json.loads(file.read_text()) for file in files]
    assert [one["failed"] for one in measured] == ["", ""]
    assert all(0 <= one["metrics"]["test/accuracy"] <= 1 for one in measured)


def test_images_on_disk_of_a_search_go_to_other_processes_and_follow_the_generator(
    tmp_path: Path,
) -> None:
    write_folders(tmp_path / "own", per_class=6, size=40)
    options = SearchOptions(batch_size=4, size=32, workers=0, train_fraction=0.7)
    task = open_search(str(tmp_path / "own"), None, options, 1, torch.device("cpu"))

    def pairs(task: ImageTask, seed: int) -> list[Any]:
        return list(task.batch_pairs(torch.Generator().manual_seed(seed)))

    found = pairs(task, 1)
    assert [(len(a[1]), len(b[1])) for a, b in found] == [(4, 4), (4, 4)]
    assert not torch.equal(found[0][1][0], found[1][1][0])  # another pass has other crops
    copy = pickle.loads(pickle.dumps(task))
    for one, other in zip(found, pairs(copy, 1), strict=True):
        assert all(
            torch.equal(a, b) for a, b in zip(one[0] + one[1], other[0] + other[1], strict=True)
        )
    assert not torch.equal(found[0][0][0], pairs(task, 2)[0][0][0])


def test_classes_are_matched_by_name() -> None:
    trained = ("cat", "dog", "owl")
    assert class_order(("owl", "cat", "dog"), trained, "data", Path("m")) == [2, 0, 1]
    assert class_order(("0", "1", "2"), trained, "data", Path("m")) == [0, 1, 2]
    assert class_order(trained, ("0", "1", "2"), "data", Path("m")) == [0, 1, 2]


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_a_tracked_training_is_served(trained: Path, photos: Path) -> None:
    import mlflow

    uri = f"sqlite:///{trained.parent / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri)
    found = client.get_run((trained / "mlflow_run_id").read_text())
    metrics = result_of(trained)["metrics"]
    assert found.info.status == "FINISHED"
    assert found.data.metrics["test/accuracy"] == pytest.approx(metrics["test/accuracy"])
    curve = [m.value for m in client.get_metric_history(found.info.run_id, "valid/accuracy")]
    assert len(curve) == 4  # three epochs, and the trained network's
    assert curve[3] == pytest.approx(metrics["valid/accuracy"])
    assert found.data.metrics["best/valid/accuracy"] == max(curve)
    mlflow.set_tracking_uri(uri)
    (model,) = client.search_logged_models([found.info.experiment_id])
    loaded = mlflow.pyfunc.load_model(model.model_uri)
    images = load_cifar(photos).test[torch.arange(5)].images.permute(0, 2, 3, 1).numpy()
    texts = [base64.b64encode(image_bytes(image)).decode() for image in images]
    names = loaded.predict(pd.DataFrame({"image": texts})).tolist()
    assert names == ImageClassifier.load(trained / "model.pt")(texts)


def test_a_logged_model_brings_its_code(trained: Path, tmp_path: Path) -> None:
    """The model can be loaded where this project is not installed."""
    script = """
import sys
from pathlib import Path
sys.path = [place for place in sys.path if place and not (Path(place) / "nasp" / "core").is_dir()]
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
import nasp
print(nasp.__file__)

"""
    uri = f"sqlite:///{trained.parent / 'mlflow.db'}"
    run = (trained / "mlflow_run_id").read_text()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, uri, f"runs:/{run}/model"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "model/code/nasp" in Path(done.stdout.strip()).as_posix()


def truncated(photos: Path, tmp_path: Path) -> list[str]:
    data = write_photos(tmp_path / "cut", 8)
    path = data / "train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    return ["--data", str(data)]


def another_space(photos: Path, tmp_path: Path) -> list[str]:
    Genotype("sif", {"interaction": (("pair", "max"),)}).save(tmp_path / "sif.json")
    return ["--data", str(photos), "--genotype", str(tmp_path / "sif.json")]


def odd_size(photos: Path, tmp_path: Path) -> list[str]:
    return ["--data", str(write_photos(tmp_path / "odd", 10))]


def given(*options: str) -> Callable[[Path, Path], list[str]]:
    return lambda photos, tmp_path: ["--data", str(photos), *options]


MISTAKES: dict[str, tuple[Main, Callable[[Path, Path], list[str]], str]] = {
    "truncated": (cnn_train.main, truncated, "train-00000-of-00001.parquet is damaged"),
    "truncated for a search": (cnn_search.main, truncated, "train-00000-of-00001.parquet"),
    "sif's genotype": (cnn_train.main, another_space, "sif.json"),
    "unknown cell": (cnn_train.main, given("--genotype", "darts_v3"), "darts_v2"),
    "no GPU": (cnn_search.main, given("--device", "cuda:77"), "--device cpu"),
    "no GPU to train": (cnn_train.main, given("--device", "cuda:77"), "--device cpu"),
    "large batch": (cnn_train.main, given("--batch_size", "64"), "batch_size of 48"),
    "large batch of a search": (cnn_search.main, given("--batch_size", "25"), "batch_size of 24"),
    "too many images": (cnn_search.main, given("--images", "49"), "49 of 48"),
    "too many held out": (cnn_train.main, given("--validation", "48"), "validation=48"),
    "odd size": (cnn_train.main, odd_size, "10 x 10"),
    "odd size for a search": (cnn_search.main, odd_size, "10 x 10"),
    "one channel": (cnn_search.main, given("--channels", "1"), "channels is 1"),
    "one channel to train": (cnn_train.main, given("--channels", "1"), "channels is 1"),
    "no data": (cnn_search.main, lambda *_: ["--data", "cifar11"], "cifar10"),
    "no model": (cnn_eval.main, given("--model", "nowhere.pt"), "nowhere.pt"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_exit_2(
    name: str,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    main, options, part = MISTAKES[name]
    arguments = options(photos, tmp_path)
    if main is not cnn_eval.main:
        more = ["--output", str(tmp_path / "run"), "--tracking", "none", "--layers", "3"]
        arguments = [*more, "--channels", "4", "--batch_size", "8", "--quiet", *arguments]
    if "--device" not in arguments:
        arguments += ["--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # put back afterwards
    with pytest.raises(SystemExit) as ended:
        run_command(main)
    captured = capsys.readouterr()
    assert ended.value.code == 2
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert part in captured.err


def test_an_image_size_that_cells_cannot_halve_is_named(tmp_path: Path) -> None:
    write_folders(tmp_path / "tiny")
    options = [*SMALL, "--epochs", "1", "--size", "40", "--workers", "0", "--batch_size", "4"]
    with pytest.raises(NaspError, match=r"40 x 40.*multiples of 32"):
        run(cnn_train.main, options, tmp_path / "tiny", tmp_path / "run")


def test_other_classes_and_other_configurations_are_refused(
    trained: Path, photos: Path, searched: Path, tmp_path: Path
) -> None:
    two = write_photos(tmp_path / "two", 8, classes=2)
    with pytest.raises(NaspError, match="2 classes, where 3 are needed"):
        cnn_eval.main(["--model", str(trained), "--data", str(two), "--device", "cpu"])
    before = (trained / "result.json").read_bytes()
    same = [*TRAIN, "--genotype", str(searched)]
    for change, message in {
        ("--momentum", "0.5"): r"momentum was 0\.9, now 0\.5",
        ("--genotype", "nasp"): "genotype was",
        ("--data", str(two)): "data was|data_sha256 was",
    }.items():
        with pytest.raises(NaspError, match=message):
            run(cnn_train.main, [*same, "--resume"], photos, trained, *change)
    with pytest.raises(NaspError, match="holds a run"):
        run(cnn_train.main, same, photos, trained)
    assert (trained / "result.json").read_bytes() == before


def test_a_process_ends_with_2_and_a_line(photos: Path) -> None:
    command = [sys.executable, "-m", "nasp.cnn_train", "--data", str(photos)]
    done = subprocess.run(
        [*command, "--genotype", "darts_v3"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert done.stderr.startswith("error: no genotype 'darts_v3'")
