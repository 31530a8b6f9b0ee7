"""A strict reader of YAML, which refuses ambiguous or oversized content in one line."""

import re
from pathlib import Path
from typing import Any

import yaml

from nasp.atomic_io import check_regular
from nasp.errors import NaspError
from nasp.files.json_file import first_repeated

LARGEST = 1 << 20  # bytes
DIGITS = 40  # of a number
# Numbers that some programs read as octal, sexagesimal or grouped digits, and others do not.
ODD = re.compile(r"[-+]?(0[0-9_]+|0[xob]\w+|\d+(:\d+)+(\.\d*)?|\d+_[\d_.]*)")


def read_yaml(path: Path, noun: str) -> Any:
    """Read a YAML file of plain values, lists, and mappings whose keys are text.

    Args:
        path: The file.
        noun: What the file should be, for messages.

    Raises:
        NaspError: The file is missing, not a regular file, too large, not UTF-8 or not YAML; or it
            has a repeated key, an anchor, a tag, or a number that is not in plain decimal digits.
    """
    check_regular(path, noun)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ValueError(f"it is larger than {LARGEST >> 20} MB")
        return yaml.load(data.decode("utf-8-sig"), _Strict)
    except RecursionError:
        raise NaspError(f"{path}: not a YAML file of a {noun}: nested too deeply") from None
    except (OSError, yaml.YAMLError, ValueError) as error:  # NaspError and UnicodeDecodeError, too
        raise NaspError(f"{path}: not a YAML file of a {noun}: {_short(error)}") from error


def check_plain(number: str) -> None:
    """Check that a number is written in plain decimal digits.

    Raises:
        NaspError: Other programs read the number differently, or it has too many digits.
    """
    if ODD.fullmatch(number) or len(number) > DIGITS:
        raise NaspError(f"{number[:DIGITS]} is not a number in plain decimal digits: write it so")


class _Strict(yaml.SafeLoader):
    """A loader that builds only mappings, lists, texts, numbers, booleans and nulls, no aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise NaspError("an alias (*name): write out what it stands for")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if not isinstance(key, str):
                raise NaspError("a key that is no text")
        if (twice := first_repeated(keys)) is not None:
            raise NaspError(f"the key {twice!r} occurs twice: keep one")
        return super().construct_mapping(node, deep=deep)

    def refuse(self, node: Any) -> None:
        raise NaspError(f"a value of the type {node.tag.rsplit(':')[-1]}: write plain values")


def _plain_int(loader: _Strict, node: Any) -> Any:
    check_plain(node.value)
    return loader.construct_yaml_int(node)


def _plain_float(loader: _Strict, node: Any) -> Any:
    check_plain(node.value)
    return loader.construct_yaml_float(node)


def _text(loader: _Strict, node: Any) -> Any:
    return loader.construct_scalar(node)


_Strict.add_constructor("tag:yaml.org,2002:int", _plain_int)
_Strict.add_constructor("tag:yaml.org,2002:float", _plain_float)
_Strict.add_constructor("tag:yaml.org,2002:timestamp", _text)
for _kind in ("binary", "set", "omap", "pairs"):
    _Strict.add_constructor(f"tag:yaml.org,2002:{_kind}", _Strict.refuse)


def _short(error: Exception) -> str:
    return f"{' '.join(str(error).split()):.300}"
