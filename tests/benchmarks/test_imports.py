"""All benchmarks can be imported; running them takes minutes."""

import runpy
from pathlib import Path

import pytest

BENCHMARKS = sorted((Path(__file__).parents[2] / "benchmarks").glob("*.py"))
# These are imported by other benchmarks and are not commands.
SHARED = ("rating_searches", "search_steps", "searched_cells", "surprise_rival", "timing")


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_finds_what_it_imports(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(path.parent))  # as where `python benchmarks/x.py` starts
    names = runpy.run_path(str(path), run_name="imported")
    assert "main" in names or path.stem in SHARED
