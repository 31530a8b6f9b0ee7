"""All commands: by module and under the one name `nasp`."""

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any

import pytest

from nasp.cli import main as commands
from nasp.cli.available_options import AvailableOptions
from nasp.cli.config import differences, parse, to_yaml
from nasp.cli.help import Help
from nasp.cli.main import COMMANDS, FIRST, GROUPS, Command, main
from nasp.cli.package_files import version
from nasp.errors import NaspError
from nasp.search.options import STRATEGIES
from nasp.strategies import ONE_SHOT

ALL = list(COMMANDS.values())


def one_line(*argv: str) -> str:
    with pytest.raises(NaspError) as caught:
        main(argv)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def shown(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", ALL, ids=lambda c: c.name)
def test_the_module_and_the_name_are_one_command(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    did: list[Any] = []
    package, _, name = command.function.partition(":")
    monkeypatch.setattr(import_module(package), name, lambda *given: did.append(given))
    seeded = command.verb in ("search", "train", "compare", "bench")
    import_module(command.module).main(["--seed", "7"] if seeded else [])
    main([*command.name.split(), *(["--seed=7"] if seeded else [])])
    (first, *began), (second, *_) = did
    assert type(first) is resolve_name(command.schema)
    assert first == second and getattr(first, "seed", 7) == 7
    assert len(began) == (command.verb in ("search", "train"))


def test_metrics_that_a_command_returns_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = SimpleNamespace(evaluate=lambda config: {"test/loss": 0.5, "test/error": 1})
    monkeypatch.setitem(sys.modules, "nasp.rnn.commands", measured)
    main(["evaluate", "rnn"])
    assert capsys.readouterr().out == "test/loss 0.5000  test/error 1.0000\n"


@pytest.mark.parametrize("command", ALL, ids=lambda c: c.name)
def test_the_examples_are_options_of_the_command(command: Command) -> None:
    schema = resolve_name(command.schema)
    for example in command.examples:
        words = shlex.split(example, comments=True)
        config = parse(schema, words, program="p", space=command.task, help=Help("Does."))
        assert config != schema()


@pytest.mark.parametrize("command", ALL, ids=lambda c: c.name)
def test_the_help_of_a_command_fits(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["nasp"])
    first = shown(capsys, *command.name.split(), "--help")
    everything = shown(capsys, *command.name.split(), "--help_all")
    assert first.startswith(f"usage: nasp {command.name} [--option")
    assert command.description in first
    assert all(f"  nasp {command.name} {example}" in first for example in command.examples)
    assert max(map(len, everything.splitlines())) <= 80
    options = AvailableOptions(resolve_name(command.schema), {}).by_key()
    for key in options:
        assert f"--{key} " in everything or f"--{key}\n" in everything, key
        assert (f"\n  --{key} " in first) == (key in FIRST)
    assert "other options" not in everything
    documented = re.findall(r"^  --[\w.]+ \S*\s+(?:\(default|\(one of)", everything, re.MULTILINE)
    assert documented == []  # every option is documented


@pytest.mark.parametrize(
    ("task", "strategy"),
    [*(("cnn", name) for name in STRATEGIES), ("rnn", "nasp"), ("sif", "nasp")],
)
def test_a_search_with_any_strategy_is_read_from_its_own_configuration(
    task: str, strategy: str, tmp_path: Path
) -> None:
    def parsed(*argv: str) -> Any:
        return parse(schema, argv, program="p", space=task, help=Help("Does."))

    schema = resolve_name(COMMANDS[f"search {task}"].schema)
    for more in ([], ["--strategy.learning_rate=0.5"] if strategy in ONE_SHOT else []):
        config = parsed("--strategy", strategy, *more)
        assert set(differences(config)) == {
            *(["strategy"] if strategy != "nasp" else []),
            *(["strategy.learning_rate"] if more else []),
        }
        (tmp_path / "config.yaml").write_text(to_yaml(config))
        assert parsed("--config", str(tmp_path / "config.yaml")) == config


def test_what_is_marked_is_there() -> None:
    options = [
        o for c in ALL for o in AvailableOptions(resolve_name(c.schema), {}).by_key().values()
    ]
    keys = {option.key for option in options} | {"config", "help", "help_all", "version"}
    classes = {base.__name__ for option in options for base in option.schema.__mro__}
    assert set(FIRST) <= keys
    assert {name for names in GROUPS.values() for name in names} <= keys | classes


def test_what_there_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/nasp"])
    main(["--help"])
    overview = capsys.readouterr().out
    assert overview.startswith("usage: nasp COMMAND TASK")
    assert all(f"  {c.name:14}{c.description}\n" in overview for c in ALL)
    assert max(map(len, overview.splitlines())) <= 80
    for argv in (["search", "--help"], ["search", "-h"], ["search", "--help-all"]):
        main(argv)
        some = capsys.readouterr().out
        assert "search sif" in some and "train" not in some
    main(["--version"])
    assert capsys.readouterr().out == f"nasp {version()}\n"
    assert shown(capsys, "train", "rnn", "--version") == f"nasp {version()}\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "which command? There are search cnn, search rnn, "),
        (["--data", "x"], "which command? There are search cnn, "),
        (["train"], "which command? There are train cnn, train rnn, train sif; see "),
        (["train", "--epochs", "3"], "which command? There are train cnn, train rnn, train sif"),
        (["serch"], "unknown command 'serch' (did you mean 'search'?); there are search, train, "),
        (["serch", "cnn"], "unknown command 'serch' (did you mean 'search'?)"),
        (["search", "cn"], "unknown command 'search cn' (did you mean 'search cnn'?)"),
        (["recommend", "cnn"], "unknown command 'recommend cnn' (did you mean 'recommend sif'?)"),
        (["search", "cnn", "ratings.csv"], "'ratings.csv' is not an option: is it the data?"),
        (["search", "cnn", "--strtegy", "nasp"], "unknown option --strtegy (did you mean"),
    ],
)
def test_a_wrong_command_is_one_line(argv: list[str], message: str) -> None:
    assert one_line(*argv).startswith(message)


def test_one_more_command_is_one_entry(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = Command(
        "measure toys",
        "toys.measure",
        "nasp.rnn.config:EvalConfig",
        "nasp.errors:nearest",
        "Measure toys.",
        ("--device cpu",),
    )
    monkeypatch.setattr(commands, "TABLE", (*commands.TABLE, mine))
    monkeypatch.setitem(COMMANDS, mine.name, mine)
    assert one_line("measure", "toy").startswith("unknown command 'measure toy' (did you mean")
    main(["measure", "--help"])
    assert "  measure toys  Measure toys." in capsys.readouterr().out


def test_the_console_script() -> None:
    pyproject = Path(__file__).parents[3].joinpath("pyproject.toml").read_text()
    assert '\n[project.scripts]\nnasp = "nasp.cli.main:run"\n' in pyproject
    for argv, code, told in (
        (["--version"], 0, f"nasp {version()}\n"),
        (["serch"], 2, "error: unknown command 'serch'"),
        (["train", "cnn", "--help"], 0, "usage: python -m nasp train cnn [--option"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "nasp", *argv], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code
        assert (done.stdout or done.stderr).startswith(told)
