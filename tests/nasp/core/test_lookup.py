"""A command finds a genotype by a name of a zoo, by a file, and by a run's folder."""

from pathlib import Path

import pytest

from nasp.core.genotype import Genotype
from nasp.core.lookup import find_genotype, name_of
from nasp.errors import NaspError

ZOO = {"first": Genotype("toy", {"n": (("a", "x"),)})}
OTHER = Genotype("toy", {"n": (("b", "y"),)})


def check(genotype: Genotype) -> None:
    if genotype.space != "toy":
        raise NaspError(f"of the space {genotype.space!r}")


def find(name_or_path: str) -> Genotype:
    return find_genotype(name_or_path, ZOO, check, lambda text: OTHER)


def test_found_by_name_by_file_and_by_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "first"
    folder.mkdir()
    OTHER.save(folder / "genotype.json")
    OTHER.save(tmp_path / "other.json")
    monkeypatch.chdir(tmp_path)
    assert find("first") == ZOO["first"]
    for path in ("./first", str(folder), "first/genotype.json", "other.json"):
        assert find(path) == OTHER


def test_a_line_in_dartss_notation_is_a_genotype_with_a_short_name() -> None:
    line = "Genotype(recurrent=[('sigmoid', 0)], concat=range(1, 2))"
    assert find(line) == find(f"  {line}") == OTHER
    assert name_of("runs/found") == name_of("found.json") == "found"
    assert name_of(line).startswith("cell-")
    assert name_of(line) != name_of(line.replace("sigmoid", "relu"))
    assert len(name_of(line)) < 20


def test_a_wrong_name_is_told_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NaspError, match=r"'fist' \(did you mean 'first'\?\).*one of first"):
        find("fist")
    for name in ("~nobody-of-this-name", "no/such/genotype.json"):
        with pytest.raises(NaspError, match=f"'{name}'.*one of first"):
            find(name)


def test_a_folder_without_a_genotype_is_named(tmp_path: Path) -> None:
    with pytest.raises(NaspError, match=r"genotype\.json'.*a run's folder"):
        find(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a genotype: Expecting property name"),
        (Genotype("sif", {"join": (("all", "plus"),)}).to_json(), "of the space 'sif'"),
    ],
)
def test_a_file_of_something_else_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "genotype.json").write_text(text)
    with pytest.raises(NaspError, match=rf"genotype\.json: .*{message}"):
        find(str(tmp_path))
