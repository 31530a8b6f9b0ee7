"""What the benchmarks import is there; their runs take minutes."""

import runpy
from pathlib import Path

import pytest

BENCHMARKS = sorted((Path(__file__).parents[2] / "benchmarks").glob("*.py"))
# Imported by others, no commands.
SHARED = ("rating_searches", "search_steps", "searched_cells", "surprise_rival", "timing")


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_finds_what_it_imports(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(path.parent))  # as where `python benchmarks/x.py` starts
    names = runpy.run_path(str(path), run_name="imported")
    assert "main" in names or path.stem in SHARED
