"""The published cells, and the look-up of a genotype."""

from collections import Counter
from pathlib import Path

import pytest

from nasp.cnn.genotype import darts_text, parse_darts, plans
from nasp.cnn.report import published_size
from nasp.cnn.zoo import ZOO, find_genotype
from nasp.core.genotype import Genotype
from nasp.errors import NaspError

# As in their authors' code.
PUBLISHED = {
    "darts_v2": """Genotype(
        normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1),
                ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)],
        normal_concat=[2, 3, 4, 5],
        reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1),
                ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)],
        reduce_concat=[2, 3, 4, 5])""",
    "nasp": """NASP = Genotype(
        normal=[('conv_3x1_1x3', 0), ('conv 3x3', 1), ('dil_conv_3x3', 2), ('conv 3x3', 1),
                ('dil_conv_3x3', 2), ('conv 3x3', 0), ('skip_connect', 0), ('dil_conv_3x3', 3)],
        normal_concat=range(2, 6),
        reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_5x5', 1),
                ('skip_connect', 2), ('skip_connect', 3), ('skip_connect', 0), ('skip_connect', 1)],
        reduce_concat=range(2, 6))""",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_cells_are_as_published(name: str) -> None:
    assert parse_darts(PUBLISHED[name]) == ZOO[name]


def test_nasnet_is_as_in_its_figure() -> None:
    """The five sums of the normal cell (NASNet, figure 4), by operation and input."""
    normal, _ = plans(ZOO["nasnet_a"])
    before, previous = 0, 1
    figure = [
        [(previous, "sep_conv_3x3"), (previous, "skip_connect")],
        [(before, "sep_conv_3x3"), (previous, "sep_conv_5x5")],
        [(previous, "avg_pool_3x3"), (before, "skip_connect")],
        [(before, "avg_pool_3x3"), (before, "avg_pool_3x3")],
        [(before, "sep_conv_5x5"), (before, "sep_conv_3x3")],
    ]
    drawn = Counter(tuple(sorted(node)) for node in figure)
    assert Counter(tuple(sorted(node)) for node in normal.nodes) == drawn


@pytest.mark.parametrize("name", ["nasnet_a", "amoebanet_a", "enas_micro", "naonet_b"])
def test_evolved_and_sampled_cells_concatenate_what_no_node_takes(name: str) -> None:
    for plan in plans(ZOO[name]):
        used = {state for node in plan.nodes for state, _ in node}
        assert len(plan.nodes) == 5 and set(plan.output) == set(range(2, 7)) - used


def test_naonet_is_the_authors_list_of_numbers() -> None:
    """Each node has (state, operation) twice; five nodes of each cell."""
    numbers = "0102012213024013210311102124102331220202"
    names = ["sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "skip_connect"]
    pairs = [
        (int(state), names[int(op)]) for state, op in zip(numbers[::2], numbers[1::2], strict=True)
    ]
    nodes = [tuple(pairs[i : i + 2]) for i in range(0, len(pairs), 2)]
    assert [list(plan.nodes) for plan in plans(ZOO["naonet_b"])] == [nodes[:5], nodes[5:]]


def test_sizes_are_those_of_the_papers() -> None:
    """In millions, at the papers' channels, as far as they are given for this network."""
    for name, size in {"gdas_v1": 3.4, "darts_v2": 3.3}.items():
        assert round(published_size(ZOO[name]) / 1e6, 1) == size


@pytest.mark.parametrize("name", ZOO)
def test_cells_survive_both_notations(name: str, tmp_path: Path) -> None:
    ZOO[name].save(tmp_path / "genotype.json")
    assert Genotype.load(tmp_path / "genotype.json") == ZOO[name]
    assert parse_darts(darts_text(ZOO[name])) == ZOO[name]


def test_found_by_name_by_file_and_by_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "nasp"
    folder.mkdir()
    ZOO["darts_v1"].save(folder / "genotype.json")
    ZOO["darts_v1"].save(tmp_path / "other.json")
    monkeypatch.chdir(tmp_path)
    assert find_genotype("nasp") == ZOO["nasp"]
    for path in ("./nasp", str(folder), "nasp/genotype.json", "other.json"):
        assert find_genotype(path) == ZOO["darts_v1"]


def test_a_wrong_name_is_told_the_nearest() -> None:
    with pytest.raises(NaspError, match=r"'dart_v2' \(did you mean 'darts_v2'\?\).*nasnet_a"):
        find_genotype("dart_v2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (Genotype("sif", {"join": (("all", "plus"),)}).to_json(), "the space 'sif'"),
        (Genotype("cnn", {}).to_json(), "no normal_0"),
    ],
)
def test_a_file_without_cells_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "genotype.json").write_text(text)
    with pytest.raises(NaspError, match=rf"genotype\.json: .*{message}"):
        find_genotype(str(tmp_path))
