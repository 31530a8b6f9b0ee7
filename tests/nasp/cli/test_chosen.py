"""Options that choose a registered class and set its own options: `--method.points 3`."""

import dataclasses
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from nasp.cli.config import differences, flatten, parse, to_yaml
from nasp.cli.help import Help
from nasp.errors import NaspError
from nasp.registry import Registry, check_choice, choice_field, class_and_options

MODULE = "tests.nasp.cli.methods"
METHODS: Registry[Any] = Registry(
    {"steep": f"{MODULE}:Steep", "wide": f"{MODULE}:Wide", "blind": f"{MODULE}:Blind"}
)


@dataclass
class Search:
    """A section.

    Attributes:
        method: How to search.
        epochs: How long.
    """

    method: Any = choice_field("wide", METHODS)
    epochs: int = 2


@dataclass
class Schema:
    """Options.

    Attributes:
        method: How to go.
        search: A section.
        seed: Fixes what is drawn.
    """

    method: Any = choice_field("steep", METHODS, rate=0.2, unknown=1)
    search: Search = field(default_factory=Search)
    seed: int = 1

    def __post_init__(self) -> None:
        check_choice(self, "method")


def parsed(*argv: str) -> Schema:
    return parse(Schema, argv, program="program", space="sif", help=Help("Does."))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.yaml"


@pytest.mark.parametrize(
    "argv",
    [
        ["--method", "wide", "--method.points", "3"],
        ["--method.points", "3", "--method", "wide"],
        ["--method=wide", "--method.points=3", "--method.rate=0.2"],
        ["--method", "steep", "--method", "wide", "--method.points", "3"],
    ],
)
def test_a_class_and_its_options_in_any_order(argv: list[str]) -> None:
    assert parsed(*argv) == Schema(method={"name": "wide", "points": 3})


def test_values_have_the_types_that_the_class_declares() -> None:
    argv = ["--method.momentum=0.9", "--method.mode", "finite", "--method.ends", "1", "0.1"]
    options = class_and_options(
        parsed(*argv, "--method.fast", "--method.part.width", "7"), "method"
    )[1]
    assert dataclasses.asdict(options) == {
        "rate": 0.2,
        "momentum": 0.9,
        "mode": "finite",
        "ends": (1.0, 0.1),
        "fast": True,
        "part": {"width": 7},
    }


def test_no_class_is_imported_for_its_name_alone(file: Path) -> None:
    sys.modules.pop(MODULE, None)
    file.write_text("method: blind\nsearch: {method: steep}\n")
    assert parsed("--method", "wide") == Schema(method="wide")
    assert flatten(parsed("--config", str(file)))["search.method"] == "steep"
    with pytest.raises(NaspError, match="unknown method 'wid'"):
        parsed("--method", "wid")
    assert MODULE not in sys.modules


def test_an_option_of_a_class_in_a_section() -> None:
    config = parsed("--search.method.points", "9", "--search.epochs", "3")
    assert config.search == Search({"name": "wide", "points": 9}, 3)
    assert differences(config) == {"search.epochs": 3, "search.method.points": 9}


def test_the_command_line_is_added_to_the_file(file: Path) -> None:
    file.write_text("method: {name: wide, points: 3}\nsearch: {method: {name: steep, rate: 2}}\n")
    config = parsed("--config", str(file), "--method.rate", "0.7", "--search.method.rate=3")
    assert config.method == {"name": "wide", "points": 3, "rate": 0.7}
    assert config.search.method == {"name": "steep", "rate": 3.0}
    assert parsed("--config", str(file), "--method", "wide").method == {"name": "wide", "points": 3}


def test_another_class_leaves_the_options_of_the_files_class_out(file: Path) -> None:
    file.write_text("method: {name: wide, points: 3, rate: 0.7}\n")
    with pytest.warns(UserWarning, match=r"mine\.yaml: .* of method wide are left out, .* steep"):
        config = parsed("--config", str(file), "--method", "steep", "--method.momentum", "0.5")
    assert config.method == {"name": "steep", "momentum": 0.5}


def test_a_value_that_is_the_default_makes_no_difference() -> None:
    for argv in (["--method.rate", "0.2"], ["--method", "steep", "--method.fast=false"]):
        assert parsed(*argv) == Schema()
    given = Schema(method={"name": "steep", "rate": 0.2}, search=Search({"name": "wide"}))
    assert flatten(given) == flatten(Schema()) and differences(given) == {}


def test_flat_views_name_the_class_and_what_differs() -> None:
    config = Schema(method={"name": "wide", "rate": 0.7, "points": 5})
    assert flatten(config) == {
        "method": "wide",
        "method.rate": 0.7,
        "method.points": 5,
        "search.method": "wide",
        "search.epochs": 2,
        "seed": 1,
    }
    assert differences(config) == {"method": "wide", "method.rate": 0.7, "method.points": 5}
    nested = parsed("--method.part.width=8", "--method.ends=1,2")
    assert differences(nested) == {"method.part.width": 8, "method.ends": [1.0, 2.0]}


def test_yaml_holds_every_option_and_comes_back(file: Path) -> None:
    config = parsed("--method.ends=1,0.1", "--search.method=blind", "--seed=3")
    file.write_text(to_yaml(config))
    assert parsed("--config", str(file)) == config
    assert yaml.safe_load(file.read_text()) == {
        "method": {
            "name": "steep",
            "rate": 0.2,
            "momentum": None,
            "mode": "exact",
            "ends": [1.0, 0.1],
            "fast": False,
            "part": {"width": 3},
        },
        "search": {"method": {"name": "blind"}, "epochs": 2},
        "seed": 3,
    }


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--method", "wid"], r"unknown method 'wid' \(did you mean 'wide'\?\); there are steep"),
        (["--search.method=wid"], r"unknown search\.method 'wid' \(did you mean 'wide'"),
        (["--method"], "--method has no value"),
        (
            ["--method.rat", "1"],
            r"option --method\.rat \(did you mean 'rate'\?\); steep has rate, mom",
        ),
        (
            ["--method=wide", "--method.zzz=1"],
            r"unknown option --method\.zzz; wide has rate, points: see",
        ),
        (["--method=blind", "--method.rate=1"], r"unknown option --method\.rate.*: see --help"),
        (["--method=blind", "--method.zzz=1"], r"--method\.zzz; blind has no options"),
        (["--method.rate", "fast"], r'option "method\.rate": Expected a float\. Got value: fast'),
        (["--method.mode", "exat"], r'"method\.mode": Expected one of \[\'exact\', \'finite\'\]'),
        (["--method.rate=null"], r"method\.rate.*None"),
        (["--method.rate=.inf"], r"method\.rate is inf; it must be finite"),
        (["--method.rate=1:30"], "1:30 is not a number in plain decimal digits"),
        (["--method=wide", f"--method.points={2**63}"], r"method\.points is 9.*; it must fit 64"),
        (["--method.rate", "-1"], r"^method\.rate is -1\.0; it must be above 0"),
        (["--search.method=steep", "--search.method.rate=0"], r"^search\.method\.rate is 0\.0"),
        (["--method.part", "3"], r"unknown option --method\.part; steep has .*part\.width"),
    ],
)
def test_a_wrong_option_of_a_class_is_named(argv: list[str], message: str) -> None:
    with pytest.raises(NaspError, match=message) as caught:
        parsed(*argv)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method: wid", r"unknown method 'wid' \(did you mean 'wide'"),
        ("method: 3", "method is 3: give a name, or a mapping of name and options"),
        ("method: null", "method is None: give a name"),
        ("method: {rate: 3}", "method is {'rate': 3}: give a name"),
        ("method: {name: [wide]}", "unknown method"),
        ("method: {name: steep, rat: 3}", r"unknown key 'method\.rat' .*'rate'\?\); steep has"),
        ("method: {name: wide, zzz: 3}", r"unknown key 'method\.zzz'; wide has rate, points"),
        ("method: {name: steep, rate: fast}", r'option "method\.rate": Expected a float'),
        ("method: {name: steep, rate: null}", r"method\.rate is null"),
        ("method: {name: steep, part: 3}", r"method\.part must be a mapping of its options"),
        (
            "search: {method: {name: wide, points: 1.5}}",
            r'"search\.method\.points": Expected a int',
        ),
    ],
)
def test_a_wrong_key_of_a_class_is_named_with_its_file(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(NaspError, match=rf"mine\.yaml: .*{message}"):
        parsed("--config", str(file))


def test_a_wrong_choice_from_python_is_told() -> None:
    with pytest.raises(NaspError, match="unknown option of method 'wide': 'point'"):
        to_yaml(Schema(method={"name": "wide", "point": 3}))
    with pytest.raises(NaspError, match=r"method\.rate is -1; it must be above 0"):
        class_and_options(Schema(method={"name": "steep", "rate": -1}), "method")
