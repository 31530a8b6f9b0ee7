"""The help shows the most important options, or all, in lines that fit the terminal."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from nasp.cli.config import parse
from nasp.cli.help import Help
from nasp.registry import choice_field
from tests.nasp.cli.test_chosen import METHODS


@dataclass(frozen=True)
class Planted:
    """What is planted.

    Attributes:
        users: Number of users.
    """

    users: int = 600


@dataclass
class DataOptions:
    """Which data.

    Attributes:
        folder: Where the data are; the
            working folder if null.
        data: What to read.
        planted: What is planted.
    """

    folder: Path | None = None
    data: str = "movielens"
    planted: Planted = Planted()


@dataclass
class TrainOptions:
    """How to train.

    Attributes:
        rate: Step size, in metres.
        biases: Add biases.
        shares: Of training, validation and test.
        drop: Values that are dropped.
    """

    rate: float = 0.1
    biases: bool = True
    shares: tuple[float, float] = (0.5, 0.5)
    drop: tuple[int, ...] = ()


@dataclass
class Schema(TrainOptions, DataOptions):
    """All options.

    Attributes:
        epochs: How long, in epochs.
        method: How to go.
        split: How to split.
        resume: Go on.
    """

    rate: float = 0.25
    epochs: int = 3
    method: Any = choice_field("wide", METHODS, rate=0.75)
    split: Literal["random", "time"] = "random"
    resume: bool = False


HELP = Help(
    "Does what it does.",
    examples=("--data movielens", "--method steep --method.rate 2  # faster"),
    first=("data", "epochs", "method", "config"),
    groups={
        "data": ("DataOptions", "Planted"),
        "training": ("TrainOptions", "epochs", "method"),
        "run": ("resume", "config", "help", "help_all", "version"),
    },
)


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    def show(*argv: str, help: Help = HELP, columns: int = 80) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit) as caught:
            parse(Schema, argv, program="program", space="sif", help=help)
        assert caught.value.code == 0
        return capsys.readouterr().out

    return show


FIRST = """\
usage: program [--option value ...]

Does what it does.

data:
  --data TEXT               What to read. (default: movielens)

training:
  --epochs INT              How long, in epochs. (default: 3)
  --method NAME             How to go. (one of steep, wide, blind;
                            default: wide)

run:
  --config FILE             Options in YAML: a file, or a name in configs/sif/:
                            compare, paper, paper_compare, smoke.
  --help                    Show the options that are needed first; with
                            --method NAME, those of that one, too.
  --help_all                Show all 11 options.
  --version                 Show the version.

examples:
  program --data movielens
  program --method steep --method.rate 2  # faster
"""


def test_what_is_needed_first(shown: Any) -> None:
    assert shown("--help") == shown("-h") == shown("--data", "x", "--help") == FIRST


def test_everything_below_the_class_that_declares_it(shown: Any) -> None:
    everything = shown("--help_all")
    assert everything == shown("--help-all")
    headings = [line for line in everything.splitlines() if line.endswith(":") and line[0] != " "]
    assert headings == [
        *("data:", "training:", "options of method wide:", "run:", "other options:", "examples:")
    ]
    data, training, method, run, others = (
        everything.partition(f"\n{heading}\n")[2].partition("\n\n")[0] for heading in headings[:-1]
    )
    assert "  --planted.users INT       Number of users. (default: 600)" in data
    assert "  --folder PATH             Where the data are; the working folder if null." in data
    assert data.index("--data ") < data.index("--folder ")  # the order of `first`
    assert "  --rate NUMBER             Step size, in metres. (default: 0.25)" in training
    assert "  --biases true|false       Add biases. (default: true)" in training
    assert "  --shares NUMBER,NUMBER    Of training" in training
    assert "(default: 0.5,0.5)" in training
    assert "  --drop INT,...            Values that are dropped. (default: empty)" in training
    assert "  --method.rate NUMBER      Step size, in metres. (default: 0.75)" in method
    assert "  --method.points INT       How many. (default: 4)" in method
    assert "  --resume                  Go on. (default: false)" in run
    assert "  --split random|time       How to split. (default: random)" in others


def test_the_options_of_the_class_that_is_named(shown: Any) -> None:
    named = shown("--method", "steep", "--help")
    assert "options of method steep:\n  --method.rate NUMBER" in named
    assert "--method.mode exact|finite" in named and "(default: 0.75)" in named
    assert "points" not in named and "--folder" not in named
    assert "options of method blind:\n  none\n" in shown("--help", "--method=blind")
    assert "--method.part.width INT" in shown("--help_all", "--method", "steep")


def test_all_are_shown_where_none_is_first(shown: Any) -> None:
    plain = shown("--help", help=Help("Does."))
    assert "other options:" in plain and "--planted.users" in plain and "examples" not in plain


@pytest.mark.parametrize("columns", [60, 80, 99])
def test_lines_fit_the_terminal(shown: Any, columns: int) -> None:
    widths = [len(line) for line in shown("--help_all", columns=columns).splitlines()]
    assert columns - 15 < max(widths) <= columns


def test_a_wide_terminal_is_not_filled(shown: Any) -> None:
    assert max(map(len, shown("--help_all", columns=300).splitlines())) <= 100


def test_the_version(shown: Any) -> None:
    assert shown("--version", "--nothing").startswith("nasp 0")
