"""Reports: plots, tables, and the size that papers report."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from rich.console import Console

from nasp.cnn import draw, report
from nasp.cnn.data import LabelledImages
from nasp.cnn.genotype import darts_text, to_darts
from nasp.cnn.images import ImagesInMemory
from nasp.cnn.network import Network
from nasp.cnn.options import SearchOptions, TrainOptions
from nasp.cnn.space import decisions_of
from nasp.cnn.tasks import ImageTask
from nasp.core.decision import weight_name
from nasp.core.genotype import Genotype
from nasp.experiment.report import Report
from nasp.experiment.run_record import show_place
from nasp.metric import Metrics
from nasp.runs import plots
from nasp.runs.context import RunContext
from nasp.search import SearchResult, TrainingResult, train
from tests.nasp.cnn.cells import DARTS_V2, NASP

METRICS = {"valid/accuracy": 0.8125}


def history(epochs: int) -> list[Metrics]:
    return [
        {"train/loss": 1.0, "valid/loss": 1.5, "valid/accuracy": 0.5, "time/seconds": 1.0}
        for _ in range(epochs)
    ]


def task(space: str = "darts") -> ImageTask:
    """A search on random images."""
    images = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    half = LabelledImages(images, torch.arange(4) % 2)
    return ImageTask(
        ImagesInMemory(half, half, None, ("a", "b"), 2, 0), SearchOptions(space=space, channels=4)
    )


def folder_of(path: Path) -> Path:
    for name in ("config.yaml", "result.json"):
        (path / name).touch()
    return path


def test_trials_are_drawn_without_weights(tmp_path: Path) -> None:
    """Plots of a search on shared weights are tested in `test_commands`."""
    found = SearchResult(DARTS_V2, {}, {}, {f"trial {i}": history(2) for i in range(3)})
    files = report.SearchReport(task(), found).write(folder_of(tmp_path))
    pictures = ["cells.png", "cells.svg", "search.png"]
    assert [path.name for path in files[3:]] == pictures
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in files}
    assert (tmp_path / "search.png").read_bytes().startswith(b"\x89PNG")
    assert Genotype.load(tmp_path / "genotype.json") == DARTS_V2


def test_edges_have_the_same_names_in_all_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: dict[str, Figure] = {}
    monkeypatch.setattr(plots, "save", lambda figure, path: figures.update({path.name: figure}))
    monkeypatch.setattr(draw, "save", plots.save)
    decisions = decisions_of("darts", 4)
    weights = {
        weight_name(d, s, o): 0.5 for d in decisions for s in d.sources for o in d.operations
    }
    found = SearchResult(DARTS_V2, {}, {"search": [{**history(1)[0], **weights}]}, {})
    report.SearchReport(task(), found).draw(tmp_path)
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


TRAINED = TrainingResult("trial 2", DARTS_V2, history(1), 0, {})


@pytest.mark.parametrize(
    ("found", "how"),
    [
        (SearchResult(DARTS_V2, METRICS, {"search": history(1)}, {}), "0.8125 on shared weights"),
        (
            SearchResult(DARTS_V2, METRICS, {}, {"trial 2": history(1)}, [TRAINED]),
            "0.8125, trained alone",
        ),
    ],
)
def test_a_search_shows_its_cells_and_their_worth(found: SearchResult, how: str) -> None:
    shown = said(report.SearchReport(task(), found), {})
    assert darts_text(DARTS_V2) in shown
    flat = " ".join(shown.split())
    assert f"validation accuracy {how}; 3.35 M weights at 20 cells, 36 channels" in flat
    table = shown.partition("Genotype(")[0]
    for cell in (to_darts(DARTS_V2).normal, to_darts(DARTS_V2).reduce):
        for operation, state in cell:
            source = ["c_{k-2}", "c_{k-1}", "0", "1", "2"][state]
            assert f"{operation}({source})" in table


def said(shown: Report, result: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=200, markup=False)
    shown.show(console, result)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


@pytest.mark.parametrize("held_out", [False, True])
def test_a_training_shows_a_row_for_each_split(held_out: bool) -> None:
    images = torch.randint(256, (12, 3, 8, 8), generator=torch.Generator().manual_seed(1))
    data = LabelledImages(images.to(torch.uint8), torch.arange(12) % 3)
    part, rest = torch.arange(8), torch.arange(8, 12)
    held = data[rest] if held_out else None
    split = ImagesInMemory(data[part], held, data[rest], ("a", "b", "c"), 4, 0)
    options = TrainOptions(channels=4, layers=3, epochs=1, batch_size=4)
    training = ImageTask(split, options)
    found = train(training, "train", DARTS_V2, 1, RunContext())
    made = report.TrainReport(training, found, "runs/a[b]")
    shown = said(made, {})
    assert "network of runs/a[b]" in shown
    for split_name, there in (("test", True), ("validation", held_out)):
        rows = [line for line in shown.splitlines() if f" {split_name} " in line]
        assert len(rows) == there
        if there:
            prefix = "valid" if split_name == "validation" else "test"
            values = [
                f"{made.metrics[f'{prefix}/{name}']:.4f}"
                for name in ("accuracy", "top5_accuracy", "loss")
            ]
            assert [cell.strip() for cell in rows[0].strip("│").split("│")] == [split_name, *values]
    weights, products = (made.metrics[f"model/{name}"] for name in ("parameters", "mult_adds"))
    assert f"{weights / 1e6:.3f} M weights, {products / 1e6:.1f} M multiply-adds an image" in shown


def test_a_run_shows_its_time_its_memory_and_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run [bold]"  # markup in brackets must not be interpreted
    folder.mkdir()
    (folder / "genotype.json").touch()
    (folder / ".hidden").touch()
    result = {"seconds": {"search": 61.4, "total": 65.2}, "peak_memory_mb": 512.3}
    show_place(Console(markup=False), result, folder)
    assert f"65 s (search 61), 512 MB; in {folder}: genotype.json\n" in capsys.readouterr().out
