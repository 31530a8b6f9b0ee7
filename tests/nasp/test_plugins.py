"""Modules of users are imported, and an error in one is reported in one line."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nasp.errors import NaspError
from nasp.plugins import load_plugins, plugin_files
from nasp.registry import Registry
from nasp.search.executors import open_executor
from nasp.strategies import ONE_SHOT


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the module path, whose modules are removed from this process afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(ONE_SHOT, "places", dict(ONE_SHOT.places))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(folder: Path, name: str, adds: str) -> None:
    (folder / f"{name}.py").write_text(
        f"from nasp.strategies import ONE_SHOT\nONE_SHOT.add({adds!r}, 'nasp.strategies.nasp:NASP')"
    )


def known(shared: object, name: str) -> bool:
    return name in ONE_SHOT


def test_modules_that_the_variable_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "one", "first")
    (folder / "two").mkdir()
    (folder / "two" / "__init__.py").touch()
    write(folder / "two", "inner", "second")
    monkeypatch.setenv("NASP_PLUGINS", "one, two.inner,")
    load_plugins()
    assert {"first", "second"} <= set(ONE_SHOT)
    assert plugin_files() == [folder / "one.py", folder / "two"]
    load_plugins()  # again changes nothing


def test_modules_that_a_call_names(folder: Path) -> None:
    write(folder, "three", "third")
    load_plugins(["three"])
    assert "third" in ONE_SHOT
    assert plugin_files() == []


def test_modules_of_installed_packages(folder: Path) -> None:
    write(folder, "installed", "fourth")
    metadata = folder / "extra-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[nasp.plugins]\nextra = installed\n")
    script = (
        "from nasp import plugins, strategies; plugins.load_plugins(); print(*strategies.ONE_SHOT)"
    )

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=False,
        )

    assert run().stdout.split()[-1] == "fourth"
    (folder / "installed.py").unlink()
    assert "NaspError: the entry point 'extra' of nasp.plugins: cannot import" in run().stderr


def test_workers_import_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "five", "fifth")
    monkeypatch.setenv("NASP_PLUGINS", "five")
    for spec in ("serial", "processes:1"):
        with open_executor(spec, None) as executor:
            executor.submit(0, known, "fifth")
            ((_, result),) = executor.results()
        assert result.value()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"cannot import 'broken' \(ModuleNotFoundError: No module named 'broken'\)"),
        ("1 / 0", r"cannot import 'broken' \(ZeroDivisionError: division by zero\)"),
        ("from nasp.strategies import ONE_SHOT\nONE_SHOT.add('nasp', 'a:B')", "'nasp' is .*NASP"),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_in_a_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, message: str
) -> None:
    if text is not None:
        (folder / "broken.py").write_text(text)
    monkeypatch.setenv("NASP_PLUGINS", "broken")
    with pytest.raises(NaspError, match=f"NASP_PLUGINS: .*{message}.*PYTHONPATH") as caught:
        load_plugins()
    assert "\n" not in str(caught.value)


def test_a_registry_holds_values_and_places() -> None:
    registry = Registry[object]({"value": 3, "place": "math:pi"})
    registry.add("more", (1, 2))
    registry.add("more", (1, 2))
    assert dict(registry) == {"value": 3, "place": 3.141592653589793, "more": (1, 2)}
    with pytest.raises(NaspError, match=r"'more' is .* already: choose another name"):
        registry.add("more", "math:e")
