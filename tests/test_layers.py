"""The order of the packages: each imports only packages below it."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# From bottom to top; packages in one line do not import each other.
LAYERS = (
    {"nasp.errors"},
    {"nasp.registry", "nasp.plugins", "nasp.atomic_io", "nasp.metric"},
    {"nasp.files"},
    {"nasp.cli"},  # options: from the command line and from files
    {"nasp.core", "nasp.data"},
    {"nasp.samplers"},
    {"nasp.runs"},
    {"nasp.training"},
    {"nasp.strategies"},
    {"nasp.search"},
    {"nasp.experiment", "nasp.testing"},
    {"nasp.cnn", "nasp.rnn"},
    {"nasp.tabular"},
    {"sif.options", "sif.user_items"},
    {"sif.nn", "sif.objectives"},
    {"sif.data", "sif.zoo"},
    {"sif.evaluation"},
    {"sif.closed_forms"},
    {
        "sif.models",
        "sif.posterior",
        "sif.fit",
        "sif.click_fit",
        "sif.rating_fit",
        "sif.config",
        "sif.serving",
    },
    {"sif.tasks", "sif.baselines"},
    {"sif.reports", "sif.estimator"},
    {"sif.comparison", "sif.commands", "sif.testing"},
    {"nasp.cli.main"},
    {
        *("nasp.__main__", "nasp.cnn_search", "nasp.cnn_train", "nasp.cnn_eval", "nasp.cnn_export"),
        *("nasp.rnn_search", "nasp.rnn_train", "nasp.rnn_eval", "nasp.rnn_export"),
        *("nasp.cnn_compare", "nasp.rnn_compare", "nasp.bench"),
        *("sif.search", "sif.train", "sif.evaluate", "sif.recommend", "sif.compare", "sif.export"),
    },
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
WITHIN = {
    "sif.models",
    "sif.posterior",
    "sif.fit",
    "sif.click_fit",
    "sif.rating_fit",
    "sif.config",
    "sif.serving",
}  # may import each other


def modules() -> Iterator[tuple[str, ast.Module]]:
    for package in ("nasp", "sif"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module, known: Collection[str]) -> Iterator[str]:
    """Modules of this project, `TYPE_CHECKING` and imports within functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                target = full if full in known else node.module
                if target.split(".")[0] in ("nasp", "sif"):
                    yield target


def room(module: str) -> str:
    """Return the package that a module belongs to."""
    return module if module in LEVEL else ".".join(module.split(".")[:2])


TREES = dict(modules())
EDGES = {name: set(imported(tree, TREES.keys())) for name, tree in TREES.items()}


def test_every_module_is_in_a_layer() -> None:
    roots = {"nasp", "sif"}  # the packages themselves import nothing at once
    assert {room(name) for name in EDGES} - roots <= LEVEL.keys()


@pytest.mark.parametrize("module", sorted(EDGES))
def test_imports_go_downwards_alone(module: str) -> None:
    for target in EDGES[module]:
        own, other = room(module), room(target)
        if own == other or target in ("nasp", "sif") or module in ("nasp", "sif"):
            continue
        if {own, other} <= WITHIN:
            continue
        assert LEVEL[other] < LEVEL[own], f"{module} imports {target}, which is not below it"


def test_no_module_imports_itself_by_way_of_others() -> None:
    state: dict[str, str] = {}

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert state.get(module) != "open", f"a circle: {' > '.join((*way, module))}"
        if module in state:
            return
        state[module] = "open"
        for target in sorted(EDGES.get(module, ())):
            visit(target, (*way, module))
        state[module] = "closed"

    for module in EDGES:
        visit(module, ())


def test_nasp_knows_no_recommender() -> None:
    for module, targets in EDGES.items():
        if module.startswith("nasp"):
            assert not any(target.split(".")[0] == "sif" for target in targets), module


@pytest.mark.parametrize(
    ("module", "light"),
    [
        ("nasp.core", {"optuna", "mlflow", "pandas", "matplotlib", "sklearn"}),
        ("nasp.strategies", {"torch"}),
        ("nasp.samplers", {"torch", "optuna"}),
        ("nasp.search", {"torch", "optuna", "mlflow"}),
        ("sif", {"torch", "pandas"}),
    ],
)
def test_an_import_is_light(module: str, light: set[str]) -> None:
    script = f"import {module}, sys; print(sorted(set(sys.modules) & {light!r}))"
    if module == "nasp.core":
        script = script.replace("import nasp.core,", "from nasp.core import *; import nasp.core,")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("folder", ["tests", "benchmarks"])
def test_tests_and_benchmarks_import_public_names(folder: str) -> None:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in (
                "nasp",
                "sif",
            ):
                private = [a.name for a in node.names if a.name.startswith("_")]
                assert not private, f"{path}:{node.lineno} imports {private}"


@pytest.mark.parametrize(
    "package",
    [name for name in TREES if (ROOT / name.replace(".", "/") / "__init__.py").exists()],
)
def test_public_names_are_there(package: str) -> None:
    module = importlib.import_module(package)
    for name in getattr(module, "__all__", ()):
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError):
        module.no_such_name  # noqa: B018
