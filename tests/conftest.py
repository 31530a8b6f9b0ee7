"""Fixtures and settings of all tests."""

import os
import sys
from pathlib import Path

# Several tests run side by side, and some measure processor time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# A slow or busy machine must not fail tests.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture
def data_dir() -> Path:
    """The folder of real data sets: NASP_DATA, else `shared/data` next to the checkout."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("NASP_DATA") or beside)
    if not (folder / "ml-100k" / "u.data").is_file():
        pytest.skip(f"no ml-100k/u.data in {folder}; set NASP_DATA")
    return folder


@pytest.fixture
def empty_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save pictures as empty files: drawing the pictures of a small run takes longer than the run.

    Module-wide runs still draw theirs.
    """
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", save_nothing)


def save_nothing(figure: object, file: object, **options: object) -> None:
    """Replace `matplotlib.figure.Figure.savefig`."""


@pytest.fixture(autouse=True)
def the_path_of_modules_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore the module path, in which MLflow puts a loaded model's code before this project's."""
    monkeypatch.setattr(sys, "path", [*sys.path])
