"""Packaged files are found in an installation or in a checkout, in this order."""

from pathlib import Path

import pytest

from nasp.cli import package_files as resources
from nasp.cli.package_files import find_config, resource
from nasp.errors import NaspError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty package, in a folder of its own."""
    folder = tmp_path / "site" / "nasp"
    folder.mkdir(parents=True)
    monkeypatch.setattr(resources, "PACKAGE", folder)
    return folder


def test_what_comes_along() -> None:
    assert resource("datasets").is_dir()
    assert resource("datasets/movielens-100k/card.yaml").is_file()
    assert resource("configs/sif/smoke.yaml").is_file()


def test_the_package_goes_before_what_is_beside_it(package: Path) -> None:
    beside, inside = package.parent / "datasets", package / "datasets"
    beside.mkdir()
    assert resource("datasets") == beside
    inside.mkdir()
    assert resource("datasets") == inside


def test_a_missing_resource_is_named(package: Path) -> None:
    with pytest.raises(NaspError, match="configs/sif is missing from the installation: install"):
        find_config("smoke", "sif")


@pytest.mark.parametrize("name", ["smoke", "paper"])
def test_a_configuration_by_name(name: str) -> None:
    assert find_config(name, "sif") == resource(f"configs/sif/{name}.yaml")


def test_a_configuration_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.yaml"
    path.touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_config(str(path), "sif") == path
    assert find_config("~/mine.yaml", "sif") == path


@pytest.mark.parametrize("name", ["smok", "smoke.yaml"])
def test_an_unknown_configuration_gets_a_hint(name: str) -> None:
    with pytest.raises(NaspError, match=r"\(did you mean 'smoke'\?\).*one of .*paper.*smoke"):
        find_config(name, "sif")


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(NaspError, match="no configuration"):
        find_config(str(tmp_path), "sif")
