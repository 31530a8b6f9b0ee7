"""The modules of `docs/extending`, imported like a user's, and removed afterwards."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import nasp.cnn.operations
import nasp.cnn.spaces
import nasp.rnn.operations
import sif.nn.operations
from nasp.plugins import load_plugins
from nasp.samplers import SAMPLERS
from nasp.strategies import ONE_SHOT
from sif.baselines import BASELINES
from sif.evaluation import ratings
from sif.options import OBJECTIVES

EXTENDING = Path(__file__).parents[2] / "docs" / "extending"
REGISTRIES = (
    *(ONE_SHOT, SAMPLERS, OBJECTIVES, BASELINES),
    *(nasp.cnn.operations.OPERATIONS, nasp.cnn.spaces.SPACES),
    *(nasp.rnn.operations.OPERATIONS, sif.nn.operations.OPERATIONS),
)
Use = Callable[[str], ModuleType]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Use]:
    """A function that imports a module like `NASP_PLUGINS`, here and in new processes."""
    metrics = dict(ratings.VALUES)
    for registry in REGISTRIES:
        monkeypatch.setattr(registry, "places", dict(registry.places))
    monkeypatch.syspath_prepend(EXTENDING)

    def used(name: str) -> ModuleType:
        monkeypatch.setenv("NASP_PLUGINS", name)
        load_plugins()
        return sys.modules[name]

    yield used
    ratings.VALUES.clear()
    ratings.VALUES.update(metrics)
    for path in EXTENDING.glob("*.py"):
        sys.modules.pop(path.stem, None)
