"""What people see of a run: pictures, tables, and the size that papers report."""

from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text

from nasp.cnn import draw, report
from nasp.cnn.genotype import darts_text, to_darts
from nasp.cnn.network import Network
from nasp.cnn.space import decisions_of
from nasp.core.decision import weight_name
from nasp.core.genotype import Genotype
from nasp.metric import Metrics
from nasp.runs import plots
from nasp.search.trials import Found
from tests.nasp.cnn.cells import DARTS_V2, NASP

RESULT: dict[str, Any] = {
    "metrics": {"valid/accuracy": 0.8125, "model/parameters": 3_348_438},
    "seconds": {"search": 61.4, "total": 65.2},
    "peak_memory_mb": 512.3,
    "failed": {},
}


def history(epochs: int) -> list[Metrics]:
    return [{"train/loss": 1.0, "valid/loss": 1.5, "valid/accuracy": 0.5} for _ in range(epochs)]


def test_trials_are_drawn_without_weights(tmp_path: Path) -> None:
    """The pictures of a one-shot search are among those of `test_commands`."""
    for name in ("config.yaml", "result.json"):
        (tmp_path / name).touch()
    found = Found(DARTS_V2, {}, {f"trial {i}": history(2) for i in range(3)})
    files = report.write(tmp_path, found, decisions_of("darts", 4), one_shot=False)
    pictures = ["cells.png", "cells.svg", "search.png"]
    assert [path.name for path in files[3:]] == pictures
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in files}
    assert (tmp_path / "search.png").read_bytes().startswith(b"\x89PNG")
    assert Genotype.load(tmp_path / "genotype.json") == DARTS_V2


def test_edges_have_the_same_names_in_all_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("config.yaml", "result.json"):
        (tmp_path / name).touch()
    figures: dict[str, Figure] = {}
    monkeypatch.setattr(plots, "save", lambda figure, path: figures.update({path.name: figure}))
    monkeypatch.setattr(draw, "save", plots.save)
    decisions = decisions_of("darts", 4)
    weights = {
        weight_name(d, s, o): 0.5 for d in decisions for s in d.sources for o in d.operations
    }
    found = Found(DARTS_V2, {}, {"search": [{**history(1)[0], **weights}]})
    report.write(tmp_path, found, decisions, one_shot=True)
    drawn = {text.get_text() for text in figures["cells.png"].findobj(Text)}
    for cell, first in (("normal", ": sep_conv_3x3"), ("reduce", ": max_pool_3x3")):
        titles = [axes.get_title() for axes in figures[f"weights_{cell}.png"].axes]
        titles = [title for title in titles if title]
        assert titles[:2] == [f"$c_{{k-{i}}}$ to $0${first}" for i in (2, 1)]
        assert len(titles) == 14
        sources = {title.partition(" to ")[0] for title in titles}
        assert {source.strip("$") if "c" not in source else source for source in sources} <= drawn


@pytest.mark.parametrize("genotype", [DARTS_V2, NASP])
def test_the_published_size_is_that_of_the_network(genotype: Genotype) -> None:
    network = Network(genotype, 36, 20, 10, "cifar", False, torch.Generator().manual_seed(1))
    assert report.published_size(genotype) == sum(w.numel() for w in network.parameters())


@pytest.mark.parametrize(
    ("histories", "how"),
    [
        ({"search": history(1)}, "validation accuracy 0.8125 on shared weights"),
        ({"trial 1 of 2": [], "trial 2 of 2": []}, "validation accuracy 0.8125, trained alone"),
        ({"trial 1 of 1": []}, "validation accuracy 0.8125, trained alone"),
    ],
)
def test_a_search_shows_its_cells_and_their_worth(
    histories: dict[str, list[Metrics]],
    how: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run [bold]"  # would be lost if it were taken for markup
    folder.mkdir()
    (folder / "genotype.json").touch()
    (folder / ".hidden").touch()
    report.show(Found(DARTS_V2, {}, histories), RESULT, folder)
    shown = capsys.readouterr().out
    flat = " ".join(shown.split())
    assert darts_text(DARTS_V2) in shown
    assert f"{how}; 3.35 M weights at 20 cells, 36 channels" in flat
    assert f"65 s (search 61), 512 MB; in {folder}: genotype.json\n" in shown
    table = shown.partition("Genotype(")[0]
    for cell in (to_darts(DARTS_V2).normal, to_darts(DARTS_V2).reduce):
        for operation, state in cell:
            source = ["c_{k-2}", "c_{k-1}", "0", "1", "2"][state]
            assert f"{operation}({source})" in table


def test_a_training_shows_a_row_for_each_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = {"test/accuracy": 0.9712, "test/top5_accuracy": 0.9991, "test/loss": 0.1234}
    result = {
        "metrics": {**test, "model/parameters": 3_348_438, "model/mult_adds": 538_000_000},
        "seconds": {"train": 100.0, "total": 110.0},
        "peak_memory_mb": 1.0,
    }
    report.show_training("runs/a[b]", result, tmp_path)
    shown = capsys.readouterr().out
    assert "network of runs/a[b]" in shown
    row = next(line for line in shown.splitlines() if "test" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        *("test", "0.9712", "0.9991", "0.1234"),
    ]
    assert "validation" not in shown
    assert "3.348 M weights, 538.0 M multiply-adds an image" in shown
    held_out = {f"valid/{name}": 0.5 for name in ("accuracy", "top5_accuracy", "loss")}
    result["metrics"] |= held_out
    report.show_training("nasp", result, tmp_path)
    assert "validation" in capsys.readouterr().out
