"""Invalid or extreme options and configuration files."""

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import yaml

from nasp import cnn_search, rnn_search
from nasp.cli.config import flatten
from nasp.cnn.config import SearchConfig as CnnConfig
from nasp.rnn.config import SearchConfig as RnnConfig
from sif import compare, search
from sif.comparison.config import CompareConfig
from sif.config import SearchConfig
from tests.attack.harness import Case
from tests.attack.made import CNN, COMPARE, RNN, SIF, Made

Main = Callable[[list[str]], None]
VALUES = ["", "-1", "nan", "inf", "true", "x", "[]", "{}", "null", "1.5", "99999999999999999999"]
VALUES += ["0", "--", "-", "'", "[1", "{a: 1}", "!!python/object:os.system", "\x00", "ä", "1e400"]
NEVER = {"nan", "inf", "[1", "1e400"}  # never valid for a number
NOT_TRIED = {"tracking", "workers"}  # these start processes or use other addresses


def options(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Each option of the searches and of the comparison with unusual values."""
    output = folder / "run"
    commands: list[tuple[Main, Any, list[str], Path]] = [
        (search.main, SearchConfig, SIF, made.table),
        (compare.main, CompareConfig, COMPARE, made.table),
        (cnn_search.main, CnnConfig, CNN, made.photos),
        (rnn_search.main, RnnConfig, RNN, made.texts),
    ]
    for main, schema, argv, data in commands:
        defaults = {k: v for k, v in flatten(schema()).items() if k not in NOT_TRIED}
        for name, default in defaults.items():
            for value in random.sample(VALUES, 6):
                given = ["--data", str(data), "--output", str(output), *argv, f"--{name}={value}"]
                number = isinstance(default, int | float) and not isinstance(default, bool)
                yield Case(
                    f"{main.__module__} --{name}={value!r}",
                    _command(main, given, output),
                    "refused" if number and value in NEVER else "either",
                )
        for wrong in (
            ["--nothing=1"],
            ["nothing"],
            ["--"],
            ["--data"],
            ["-x"],
            ["--=1"],
            ["=", "1"],
        ):
            given = ["--data", str(data), "--output", str(output), *argv, *wrong]
            yield Case(f"{main.__module__} {wrong}", _command(main, given, output))


def _command(
    main: Callable[[list[str]], None], argv: list[str], output: Path
) -> Callable[[], None]:
    def command() -> None:
        shutil.rmtree(output, ignore_errors=True)
        main(argv)

    return command


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)
)
REFUSED = {
    "a list": "[1, 2]",
    "a number": "1",
    "text": "hello",
    "false": "false",
    "a list for a section": "synthetic: [1, 2]",
    "false for a section": "synthetic: false",
    "a number for a section": "synthetic: 3",
    "an unknown key": "nothing: 1",
    "a key that is no text": "1: 2",
    "a key that is a list": "? [1, 2]\n: 3",
    "a key twice": "epochs: 1\nepochs: 2",
    "an octal number": "epochs: 010",
    "a sexagesimal number": "epochs: 1:30",
    "an anchor bomb": BOMB,
    "an anchor bomb as a value": BOMB + "data: *j\n",
    "a mapping that holds itself": "synthetic: &a\n  users: *a\n",
    "deep lists": "[" * 50_000,
    "deep mappings": "{a: " * 20_000,
    "deep blocks": "".join("  " * i + f"a{i}:\n" for i in range(3000)),
    "5,000 digits": "epochs: " + "9" * 5000,
    "an object": "data: !!python/object/apply:os.system [true]",
    "an unknown tag": "data: !x 1",
    "bytes": "data: !!binary aGVsbG8=",
    "a date": "epochs: 2020-01-01",
    "NaN": "learning_rate: .nan",
    "infinity": "learning_rate: .inf",
    "a tab": "\tepochs: 1",
    "two documents": "epochs: 1\n---\nepochs: 2\n",
    "an open quote": 'data: "x',
    "null for a number": "epochs: null",
    "text for a number": "epochs: three",
    "truth for a number": "epochs: true",
    "1e9 epochs": "epochs: 1000000000",
    "a seed of 70 bits": "seed: 1180591620717411303424",
    "terabytes": "embedding_dim: 1000000000000",
}


def yaml_files(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """`--config` files."""
    path, output = folder / "config.yaml", folder / "run"
    given = ["--output", str(output), "--config", str(path)]
    command = _command(search.main, given, output)
    right = yaml.safe_load((made.searched / "config.yaml").read_text())
    right = {k: v for k, v in right.items() if k != "output"}
    whole = yaml.safe_dump(right, sort_keys=False).encode()
    path.write_bytes(whole)
    yield Case("as it is", command, "accepted")
    for name, text in REFUSED.items():
        path.write_text(text)
        yield Case(name, command, "refused")
    for name, data in (
        ("NULs", bytes(1000)),
        ("no UTF-8", b"data: \xff\xfe"),
        ("UTF-16", whole.decode().encode("utf-16")),
        ("100 MB", b"# " + b"x" * 100_000_000),
    ):
        path.write_bytes(data)
        yield Case(name, command)
    keys = [f.name for f in dataclasses.fields(SearchConfig) if f.name not in ("output", "config")]
    values = ["[]", "{}", "{a: 1}", "false", "null", "-1", ".nan", "''", "[[1]]", "1e400", "~", "x"]
    for key in keys:
        for value in random.sample(values, 3):
            text = yaml.safe_dump({k: v for k, v in right.items() if k != key})
            path.write_text(f"{text}{key}: {value}\n")
            if key == "tracking":
                continue
            yield Case(f"{key}: {value}", command)
    path.unlink()
    os.mkfifo(path)
    yield Case("a named pipe", command, "refused")
