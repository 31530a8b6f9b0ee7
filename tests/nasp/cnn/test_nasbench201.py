"""Cells of NAS-Bench-201: their notation, their network, and a search of the space."""

import json
from dataclasses import replace

import pytest
import torch

from nasp import cnn_search, cnn_train
from nasp.cnn.draw import cells_figure
from nasp.cnn.genotype import darts_text, plans
from nasp.cnn.model_file import load_network
from nasp.cnn.nasbench201 import edge_name, edges, from_text, operations_of, to_text
from nasp.cnn.network import Network, drop_path
from nasp.cnn.options import SearchOptions
from nasp.cnn.size import mult_adds, parameters
from nasp.core.genotype import Genotype
from nasp.errors import NaspError

CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"
NOTHING = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def network(text, channels=4, layers=5, kind="cifar"):
    random = torch.Generator().manual_seed(1)
    return Network(from_text(text), channels, layers, 10, kind, False, random)


def test_the_notation_is_read_and_written():
    genotype = from_text(f" {CELL}\n")
    assert to_text(genotype) == CELL
    assert operations_of(genotype) == [
        ["conv_3x3"],
        ["none", "skip_connect"],
        ["avg_pool_3x3", "conv_1x1", "skip_connect"],
    ]
    assert [edge_name(*edge) for edge in edges()] == list(genotype.choices)
    assert Genotype.from_json(genotype.to_json()) == genotype


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("|none~0|", "1 nodes: write three"),
        (NOTHING.replace("none~2", "none~1"), "node 3 of"),
        (NOTHING.replace("|none~0|+", "none~0|+"), "node 1 of"),
        (NOTHING.replace("none~2", "nor_conv_5x5~2"), "edge_2_3 cannot have the operation"),
        (NOTHING.replace("none~2", "none"), "node 3 of"),
    ],
)
def test_a_text_that_is_no_cell_is_named(text, part):
    with pytest.raises(NaspError, match=part):
        from_text(text)


def test_a_genotype_that_is_no_cell_is_named():
    choices = from_text(CELL).choices
    missing = {name: pairs for name, pairs in choices.items() if name != "edge_1_2"}
    for given, part in (
        (missing, "0 operations on edge_1_2"),
        ({**choices, "edge_1_4": choices["edge_1_2"]}, "'edge_1_4' is unknown"),
        ({**choices, "edge_1_2": (("node_0", "none"),)}, "edge_1_2 cannot have the source"),
    ):
        with pytest.raises(NaspError, match=part):
            operations_of(Genotype("nasbench201", given))
    with pytest.raises(NaspError, match="cannot be told in DARTS's notation"):
        darts_text(from_text(CELL))


def test_the_network_has_the_size_that_the_benchmark_gives():
    whole = network(NOTHING, 16, 17)
    assert parameters(whole) == 73306
    assert round(mult_adds(whole, (3, 32, 32)) / 1e6, 2) == 7.78


def test_the_cell_sums_what_its_edges_say():
    cell = network(CELL).cells[0].eval()
    x = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    conv, none, _, pool, point, _ = cell.operations
    first, second = conv(x), none(x) + conv(x)
    torch.testing.assert_close(cell(x, x), pool(x) + point(first) + second)
    kinds = [type(block).__name__ for block in network(CELL).cells]
    assert kinds == ["EdgeCell", "ResidualReduction", "EdgeCell", "ResidualReduction", "EdgeCell"]


def test_the_network_halves_twice_and_drops_paths():
    made = network(CELL)
    images = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    keep = drop_path(made, 6, 0.5, torch.Generator().manual_seed(3))
    assert keep.shape == (5, 6, 6)
    logits, _ = made(images, keep)
    assert logits.shape == (6, 10)
    assert not torch.equal(logits, made(images)[0])


def test_a_drawing_has_one_cell_with_one_input():
    figure = cells_figure(from_text(CELL))
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"cell", "$c_{k-1}$", "1", "2", "3", "none"} <= texts
    assert not {"normal cell", "$c_{k-2}$", "0"} & texts
    (plan,) = plans(from_text(CELL))
    assert plan.labels == ["c_{k-1}", "1", "2", "3"]


def test_images_of_another_form_and_budgets_are_refused():
    with pytest.raises(NaspError, match="images of CIFAR's form"):
        network(CELL, kind="imagenet")
    options = SearchOptions(space="nasbench201")
    with pytest.raises(NaspError, match="budget holds for networks of normal and reduction cells"):
        replace(options, budget=replace(options.budget, mult_adds=1e6))


SMALL = ["--channels", "4", "--layers", "3", "--batch_size", "8", "--tracking", "none", "--quiet"]


@pytest.mark.parametrize("strategy", ["nasp", "darts"])
def test_a_search_of_the_space_and_the_training_of_its_cell(photos, tmp_path, strategy):
    data = ["--data", str(photos), *SMALL]
    found, trained = tmp_path / "search", tmp_path / "train"
    search = ["--space", "nasbench201", "--epochs", "1", "--max_skips", "2"]
    cnn_search.main([*data, *search, "--strategy", strategy, "--output", str(found)])
    genotype = Genotype.load(found)
    assert genotype.space == "nasbench201"
    assert str(genotype).count("skip_connect") <= 2
    assert (found / "weights_edge.png").stat().st_size
    sizes = json.loads((found / "result.json").read_text())["metrics"]
    assert sizes["model/parameters"] >= 73306
    cell = to_text(genotype)
    cnn_train.main([*data, "--genotype", cell, "--epochs", "1", "--output", str(trained)])
    assert load_network(trained / "model.pt").network.genotype == genotype
