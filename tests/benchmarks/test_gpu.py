"""The GPU benchmark runs on the CPU with small sizes."""

import importlib.util
import json
from pathlib import Path

import pytest

from tests.nasp.cnn.data.made import image_bytes, random_images, write_parquet

FILE = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


@pytest.mark.usefixtures("empty_pictures")
def test_a_table_and_a_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(FILE.parent))  # as for `python benchmarks/gpu.py`
    spec = importlib.util.spec_from_file_location("gpu", FILE)
    assert spec is not None and spec.loader is not None
    gpu = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gpu)
    (tmp_path / "cifar10").mkdir()
    for split, count in (("train", 260), ("test", 20)):
        images = [image_bytes(image) for image in random_images(count, 8, seed=1)]
        labels = [i % 10 for i in range(count)]
        path = tmp_path / "cifar10" / f"{split}-00000-of-00001.parquet"
        write_parquet(path, images, labels, rows=count)
    (tmp_path / "ptb").mkdir()
    for split, lines in (("train", 6000), ("valid", 3000), ("test", 1)):
        (tmp_path / "ptb" / f"{split}.txt").write_text("a b c d\n" * lines)
    monkeypatch.setenv("NASP_DATA", str(tmp_path))
    small = ["--channels", "4", "--layers", "3", "--steps", "1", "--warm", "0", "--epochs", "1"]
    small += ["--units", "8"]
    where = ["--device", "cpu", "--output", str(tmp_path / "run")]
    gpu.main([*small, *where, "--images", "160", "--minutes", "60"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].split(",")[0].strip() for row in rows] == [
        "what",
        *["CNN search epoch"] * 3,
        *["CNN training epoch"] * 2,
        *["RNN search epoch"] * 2,
        "RNN training epoch",
    ]
    assert json.loads((tmp_path / "run" / "result.json").read_text())["task"] == "cnn"
