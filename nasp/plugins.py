"""Imports modules of users that add to the registries: strategies, operations, metrics and others.

An installed package names its modules in the entry point group `nasp.plugins`. A module that is
only in PYTHONPATH is named in the environment variable NASP_PLUGINS, which the processes that a
command starts inherit.
"""

import os
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from nasp.errors import NaspError

VARIABLE, GROUP = "NASP_PLUGINS", "nasp.plugins"
HINT = f"; if a module of yours adds it, name the module in {VARIABLE}"
"""The end of an error about an unknown operation, whose module may not have been imported."""


def load_plugins(names: Iterable[str] = ()) -> None:
    """Import the modules in NASP_PLUGINS, in entry points, and in `names`.

    Raises:
        NaspError: A module cannot be imported.
    """
    for name in dict.fromkeys([*plugin_names(), *names]):
        _import(name, VARIABLE)
    for point in _entry_points():
        _import(point.module, f"the entry point {point.name!r} of {GROUP}")


def plugin_names() -> list[str]:
    """Return the names of the modules in NASP_PLUGINS, which separates them by commas."""
    return [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]


def plugin_files() -> list[Path]:
    """Return the files of the modules in NASP_PLUGINS, or the folders of their packages."""
    specs = [find_spec(name.partition(".")[0]) for name in plugin_names()]
    files = [Path(spec.origin) for spec in specs if spec is not None and spec.origin]
    return [file.parent if file.name == "__init__.py" else file for file in files]


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def _import(name: str, source: str) -> None:
    try:
        import_module(name)
    except Exception as error:
        raise NaspError(
            f"{source}: cannot import {name!r} ({type(error).__name__}: {error}): the folder of "
            f"the module must be in PYTHONPATH; `python -c 'import {name}'` shows where it fails"
        ) from error
