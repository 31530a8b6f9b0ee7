"""The report at the end, and the valid inputs, which are made once."""

from collections import Counter
from pathlib import Path

import pytest

from tests.attack.harness import COUNTS
from tests.attack.made import Made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not COUNTS:
        return
    terminalreporter.section("malformed inputs")
    total: Counter[str] = sum(COUNTS.values(), Counter())
    for kind, counts in {**COUNTS, "all": total}.items():
        said = ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()))
        terminalreporter.write_line(f"{kind}: {counts.total()} inputs: {said}")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("made"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path
