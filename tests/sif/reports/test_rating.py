"""Plots of a found function."""

from pathlib import Path
from typing import Any

import pytest
import torch

from nasp.runs import plots
from sif.nn.space import InteractionSpace
from sif.options import SpaceOptions
from sif.reports.rating import draw_function


def test_transforms_are_called_by_the_columns_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(plots, "save", lambda figure, path: drawn.append(figure))
    options = SpaceOptions(embedding_dim=2, elementwise=True)
    random = torch.Generator().manual_seed(1)
    network = InteractionSpace((5, 4, 3), options, random, ("max",))
    draw_function(network, "max", ("user", "item", "mood"), tmp_path / "function.png")
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        *("user", "item", "mood", "identity")
    ]
    assert axes.get_title() == "max(user, item, mood)"
