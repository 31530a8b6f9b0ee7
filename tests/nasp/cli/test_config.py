"""Configuration: file, then command line; each mistake is one line that names the key."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import yaml

from nasp.cli.config import differences, flatten, parse, to_yaml
from nasp.cli.help import Help
from nasp.errors import NaspError
from nasp.experiment.run_folder import RunOptions


@dataclass(frozen=True)
class Inner:
    """A section.

    Attributes:
        items: A number whose name is also a method of mappings.
    """

    items: int = 4


@dataclass
class Mutable:
    """A section that is not frozen.

    Attributes:
        count: A number.
    """

    count: int = 1


@dataclass
class Schema:
    """Options.

    Attributes:
        embedding_dim: Length of an embedding.
        rate: Step size.
        split: How to split.
        output: A folder.
        fractions: Shares.
        resume: Go on.
        inner: A section.
        other: Another, made anew for each configuration.
    """

    embedding_dim: int = 8
    rate: float | None = None
    split: Literal["random", "time"] = "random"
    output: Path | None = None
    fractions: tuple[float, float] = (0.5, 0.5)
    resume: bool = False
    inner: Inner = Inner()
    other: Mutable = field(default_factory=Mutable)


def parsed(*argv: str) -> Schema:
    return parse(Schema, argv, program="program", space="sif", help=Help("Does."))


def test_defaults_file_and_options_in_that_order(tmp_path: Path) -> None:
    assert parsed() == Schema()
    file = tmp_path / "config.yaml"
    file.write_text("embedding_dim: 3\nrate: 1e-3\ninner: {items: 5}\nfractions: [0.2, 0.8]\n")
    config = parsed("--config", str(file), "--embedding-dim", "2", "--output", "x/y")
    assert config == Schema(2, 1e-3, "random", Path("x/y"), (0.2, 0.8), False, Inner(5))
    assert parsed("--inner.items=7").inner == Inner(7)


class Knowing(Schema):
    """Options that know which of them were given."""

    given: frozenset[str] = frozenset()


def test_a_schema_can_learn_which_options_were_given(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("embedding_dim: 8\n")
    argv = ["--config", str(file), "--split", "random"]
    config = parse(Knowing, argv, program="program", space="sif", help=Help("Does."))
    assert config.given == {"embedding_dim", "split"}


def test_a_truth_value_needs_no_value() -> None:
    assert parsed("--resume").resume
    assert parsed("--resume", "--embedding_dim", "2").resume
    assert not parsed("--resume", "false").resume


def test_several_values_need_no_brackets() -> None:
    for argv in (["--fractions", "0.2,0.8"], ["--fractions=0.2,0.8"], ["--fractions", "[0.2,0.8]"]):
        assert parsed(*argv).fractions == (0.2, 0.8)


def test_a_section_made_anew_is_filled_too(tmp_path: Path) -> None:
    assert parsed("--other.count", "3").other == Mutable(3)
    file = tmp_path / "config.yaml"
    file.write_text("other: {count: 5}\n")
    assert parsed("--config", str(file)).other == Mutable(5)
    with pytest.raises(NaspError, match=r"other\.cuont"):
        parsed("--other.cuont", "3")


def test_yaml_comes_back(tmp_path: Path) -> None:
    config = Schema(3, 0.5, "time", Path("out"), (0.1, 0.9), True, Inner(9))
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    assert parsed("--config", str(tmp_path / "config.yaml")) == config
    assert yaml.safe_load(to_yaml(config))["output"] == "out"


def test_flat_views() -> None:
    config = Schema(embedding_dim=3, inner=Inner(5))
    assert flatten(config)["inner.items"] == 5
    assert differences(config) == {"embedding_dim": 3, "inner.items": 5}


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        (["--embeding_dim", "3"], ["--embeding_dim", "did you mean 'embedding_dim'"]),
        (["--embedding_dim", "abc"], ["embedding_dim", "abc", "int"]),
        (["--split", "rand"], ["split", "rand", "time"]),
        (["--inner.itms", "3"], ["--inner.itms", "'inner.items'"]),
        (["--embedding_dim"], ["embedding_dim"]),
        (["stray"], ["stray"]),
        (["--config", "smok"], ["'smok'", "did you mean 'smoke'", "paper"]),
    ],
)
def test_a_wrong_option_is_named(argv: list[str], parts: list[str]) -> None:
    with pytest.raises(NaspError) as caught:
        parsed(*argv)
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("embeding_dim: 3", ["'embeding_dim'", "did you mean 'embedding_dim'"]),
        ("embedding_dim: abc", ["embedding_dim", "abc"]),
        ("inner: {itms: 3}", ["'inner.itms'", "inner.items"]),
        ("- 1", ["not a mapping"]),
        ("a: [", ["not a YAML file"]),
        ("false", ["not a mapping"]),
        ("inner: [1]", ["inner must be a mapping of its options"]),
        ("inner: false", ["inner must be a mapping of its options"]),
        ("embedding_dim: 1\nembedding_dim: 2", ["'embedding_dim' occurs twice"]),
        ("1: 2", ["unknown key"]),
        ("embedding_dim: 010", ["010", "plain decimal digits"]),
        ("embedding_dim: 1:30", ["1:30", "plain decimal digits"]),
        ("rate: 1:30.5", ["1:30.5", "plain decimal digits"]),
        ("embedding_dim: 0x10", ["0x10", "plain decimal digits"]),
        ("embedding_dim: 1_000", ["1_000", "plain decimal digits"]),
        ("embedding_dim: " + "9" * 5000, ["9999", "plain decimal digits"]),
        ("embedding_dim: 2020-01-01", ["embedding_dim", "2020-01-01"]),
        ("a: &a [x]\nb: [*a, *a]", ["an alias"]),
        ("embedding_dim: !!python/object/apply:os.getcwd []", ["not a YAML file"]),
        ("output: !!binary aGVsbG8=", ["a value of the type binary"]),
        ("[" * 100_000, ["nested too deeply"]),
        ("# " + "x" * (1 << 20), ["larger than 1 MB"]),
    ],
)
def test_a_wrong_key_is_named_with_its_file(tmp_path: Path, text: str, parts: list[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(NaspError) as caught:
        parsed("--config", str(file))
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in ["mine.yaml", *parts]), message


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--embedding_dim=null"], "embedding_dim.*None"),
        (["--embedding_dim=010"], "010 is not a number in plain decimal digits"),
        (["--embedding_dim", "1:30"], "1:30 is not a number in plain decimal digits"),
        (["--embedding_dim", str(2**63)], "embedding_dim is 9223372036854775808; it must fit 64"),
        (["--rate", ".inf"], "rate is inf; it must be finite"),
        (["--fractions", "0.5,-.inf"], "fractions is -inf; it must be finite"),
        (["--inner.items=null"], r"inner\.items.*None"),
    ],
)
def test_what_no_option_can_be_is_named(argv: list[str], message: str) -> None:
    with pytest.raises(NaspError, match=message):
        parsed(*argv)
    assert parsed("--rate=null").rate is None


def test_only_a_regular_file_of_utf8_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes("\ufeffembedding_dim: 3".encode())
    assert parsed("--config", str(file)).embedding_dim == 3
    file.write_bytes(b"output: \xff")
    with pytest.raises(NaspError, match=r"mine\.yaml: not a YAML file .* can't decode byte 0xff"):
        parsed("--config", str(file))
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(NaspError, match=r"mine\.yaml"):
        parsed("--config", str(file))


def test_lists_by_blanks_and_stray_words() -> None:
    assert parsed("--fractions", "0.1", "0.9", "--resume").fractions == (0.1, 0.9)
    assert parsed("--fractions=0.1", "0.9").fractions == (0.1, 0.9)
    with pytest.raises(NaspError, match="'movielens' is not an option"):
        parsed("--resume", "true", "movielens")
    with pytest.raises(NaspError, match="--output has no value"):
        parsed("--output=")


@pytest.mark.parametrize("seed", ["-1", str(2**63), str(10**30)])
def test_a_seed_is_one_that_a_generator_takes(seed: str) -> None:
    with pytest.raises(NaspError, match="seed is "):
        parse(RunOptions, ["--seed", seed], program="p", space="sif", help=Help("Does."))


def test_no_password_is_written_down() -> None:
    config = RunOptions(tracking="http://me:secret@host:5000/path")
    assert yaml.safe_load(to_yaml(config))["tracking"] == "http://host:5000/path"
    assert differences(config) == {"tracking": "http://host:5000/path"}
