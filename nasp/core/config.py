"""Typed configuration: a dataclass is the schema, YAML and the command line fill it."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace

from nasp.core.errors import NaspError
from nasp.core.nearest import nearest
from nasp.core.resources import find_config

Schema = TypeVar("Schema")


def parse(
    schema: type[Schema],
    argv: Sequence[str] | None,
    *,
    program: str,
    space: str,
    description: str,
) -> Schema:
    """Fill a schema: its defaults, then the file of `--config`, then the other options.

    Args:
        schema: A dataclass whose fields have defaults; a field may be such a dataclass itself.
            `--help` takes types and texts from the docstrings.
        argv: The options; those of the process if None.
        program: How the command is called.
        space: Folder in `configs/` in which `--config` looks a name up.
        description: First line of the help.

    Raises:
        NaspError: An option, key, type or value is wrong; or the configuration file is missing or
            no YAML mapping.
    """
    parser = ArgumentParser(prog=program, description=description, exit_on_error=False)
    parser.add_argument("--config", default=None, help=f"YAML file, or a name in configs/{space}/")
    parser.add_class_arguments(cast(type, schema), None)
    known = _keys(schema)
    arguments = _flags(schema, argv)
    name = _option(arguments, "config")
    if name is not None:
        path = find_config(name, space)
        parser.set_defaults(_file(path, parser, known))
    for argument in arguments:
        key = argument[2:].split("=")[0].replace("-", "_")
        if argument.startswith("--") and key not in {*known, "config", "help", "print_config"}:
            raise NaspError(
                f"unknown option {argument.split('=')[0]}{nearest(key, known)}: see --help"
            )
    try:
        values = parser.parse_args(arguments)
    except ArgumentError as error:
        raise NaspError(_one_line(error)) from error
    return _build(schema, values)


def to_yaml(config: Any) -> str:
    """The whole configuration as YAML that `--config` reads."""
    return yaml.safe_dump(_plain(config), sort_keys=False)


def flatten(config: Any) -> dict[str, Any]:
    """Values by dotted key, each a number, a string, a truth value, a list or None."""
    flat: dict[str, Any] = {}
    for key, value in _plain(config).items():
        nested = {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {}
        flat.update(nested or {key: value})
    return flat


def differences(config: Any) -> dict[str, Any]:
    """What `flatten` gives, without the values that are the schema's defaults."""
    default = flatten(type(config)())
    return {key: value for key, value in flatten(config).items() if value != default[key]}


def _plain(config: Any) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return str(value)
        if isinstance(value, Mapping):
            return {k: plain(v) for k, v in value.items()}
        return [plain(v) for v in value] if isinstance(value, tuple) else value

    return {k: plain(v) for k, v in dataclasses.asdict(config).items()}


def _keys(schema: Any, prefix: str = "") -> list[str]:
    keys = []
    for field in dataclasses.fields(schema):
        keys.append(prefix + field.name)
        if dataclasses.is_dataclass(field.default):
            keys += _keys(field.default, f"{prefix}{field.name}.")
    return keys


def _flags(schema: Any, argv: Sequence[str] | None) -> list[str]:
    """`--resume` means `--resume=true`, and `--batch-size` means `--batch_size`."""
    import sys

    given = list(sys.argv[1:] if argv is None else argv)
    truths = {f.name for f in dataclasses.fields(schema) if isinstance(f.default, bool)}
    for i, argument in enumerate(given):
        if not argument.startswith("--"):
            continue
        name, equals, value = argument[2:].partition("=")
        name = name.replace("-", "_")
        alone = i + 1 == len(given) or given[i + 1].startswith("-")
        if name in truths and not equals and alone:
            equals, value = "=", "true"
        given[i] = f"--{name}{equals}{value}"
    return given


def _option(arguments: Sequence[str], name: str) -> str | None:
    for i, argument in enumerate(arguments):
        if argument.startswith(f"--{name}="):
            return argument.partition("=")[2]
        if argument == f"--{name}" and i + 1 < len(arguments):
            return arguments[i + 1]
    return None


def _file(path: Path, parser: ArgumentParser, known: Sequence[str]) -> dict[str, Any]:
    try:
        body = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise NaspError(f"{path}: not a YAML file: {_one_line(error)}") from error
    if not isinstance(body, dict):
        raise NaspError(f"{path}: not a mapping of keys to values")
    flat: dict[str, Any] = {}
    for key, value in body.items():
        flat |= (
            {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
        )
    for key, value in flat.items():
        if key not in known:
            raise NaspError(f"{path}: unknown key {key!r}{nearest(str(key), known)}")
        try:
            parser.parse_object({key: value})
        except ArgumentError as error:
            raise NaspError(f"{path}: {_one_line(error)}") from error
    return flat


def _build(schema: type[Schema], values: Namespace) -> Schema:
    given = {}
    for field in dataclasses.fields(cast(Any, schema)):
        value = values[field.name]
        if dataclasses.is_dataclass(field.default):
            value = _build(type(field.default), value)
        given[field.name] = tuple(value) if isinstance(value, list) else value
    return schema(**given)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text.replace('Parser key "', 'option "').replace("<class '", "").replace("'>", "")
