"""Plots are written atomically, and their labels do not overlap."""

from itertools import pairwise
from pathlib import Path

import pytest

from nasp.metric import Metric
from nasp.runs import plots


def test_pictures_are_png(tmp_path: Path) -> None:
    history = [{"valid/rmse": 1.0 / (i + 1), "train/loss": 2.0} for i in range(4)]
    plots.curves(
        {"a": history, "b": history}, [Metric("rmse").on("valid")], tmp_path / "c.png", "t"
    )
    plots.weights(["x", "y"], [[0.5, 0.6], [0.5, 0.6]], tmp_path / "w.png", "t")
    for path in tmp_path.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 2


def test_the_best_epoch_has_a_dot_at_the_largest_accuracy_and_the_smallest_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = []
    monkeypatch.setattr(plots, "save", lambda figure, path: figures.append(figure))
    names = ("train/loss", "valid/loss", "valid/accuracy")
    rows = [(3.0, 2.0, 0.1), (2.0, 1.0, 0.3), (1.0, 3.0, 0.7), (0.5, 1.5, 0.5)]
    history = [dict(zip(names, row, strict=True)) for row in rows]
    shown = [Metric(name, larger_is_better="accuracy" in name) for name in (*names, "test/loss")]
    plots.curves({"a": history}, shown, tmp_path / "c.png", "t")  # no epoch has the last one
    dots = [
        [(*line.get_xdata(), *line.get_ydata()) for line in axes.lines if line.get_marker() == "o"]
        for axes in figures[0].axes
    ]
    assert dots == [[], [(2, 1.0)], [(3, 0.7)]]


@pytest.mark.parametrize("heights", [[0.5] * 12, [1.0] * 12, [0.0] * 3, [0.1, 0.9, 0.11], [0.3]])
def test_labels_keep_apart_in_their_order(heights: list[float]) -> None:
    moved = plots._apart(heights, 0.05, 0.0, 1.0)
    ordered = sorted(moved)
    assert ordered[0] >= -1e-9 and ordered[-1] <= 1 + 1e-9
    assert all(b - a >= 0.05 - 1e-9 for a, b in pairwise(ordered))
    assert [moved.index(h) for h in ordered] == sorted(range(len(heights)), key=heights.__getitem__)


@pytest.mark.parametrize("relaxed", [False, True])
def test_the_records_of_searches_are_drawn(
    relaxed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = []
    monkeypatch.setattr(plots, "save", lambda figure, path: figures.append(figure))
    names = ["arch/change", "arch/flips", "time/weights_s", "time/architecture_s", "valid/auc"]
    names += ["relaxed/auc"] * relaxed
    searches = {
        search: [{name: scale * (i + epoch) for i, name in enumerate(names)} for epoch in range(3)]
        for search, scale in (("search 1", 1.0), ("search 2", 2.0))
    }
    plots.search_records(searches, Metric("auc", larger_is_better=True), tmp_path / "r.png")
    drawn = {
        axes.get_ylabel(): {line.get_label(): list(line.get_ydata()) for line in axes.lines}
        for axes in figures[0].axes
    }
    assert drawn["choices that changed"] == {"search 1": [1, 2, 3], "search 2": [2, 4, 6]}
    assert drawn["seconds of the steps"]["search 2 architecture"] == [6, 8, 10]
    assert len(drawn) == 3 + relaxed
    if relaxed:
        assert drawn["validation auc"]["search 1 discrete"] == [4, 5, 6]
        assert drawn["validation auc"]["search 1 relaxed"] == [5, 6, 7]
    monkeypatch.undo()
    plots.search_records(searches, Metric("auc", larger_is_better=True), tmp_path / "r.png")
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
