"""Typed configuration: a dataclass is the schema; YAML and the command line set its fields."""

import dataclasses
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace

from nasp.cli.available_options import AvailableOptions, Option, options_of
from nasp.cli.command_line import option_texts, scan_options
from nasp.cli.help import Help
from nasp.cli.package_files import find_config, version
from nasp.errors import NaspError, without_password
from nasp.files.yaml_file import read_yaml
from nasp.registry import chosen_name, resolve_choice

Schema = TypeVar("Schema")
# Exceptions of the parser for impossible values, other than its own error.
WRONG = (TypeError, ValueError, AttributeError, LookupError, RecursionError)
# Terms in the parser's messages, and what replaces them.
SAID = {'Parser key "': 'option "', "a typing.Literal": "one of ", "<class '": "", "'>": ""}


def parse(
    schema: type[Schema],
    argv: Sequence[str] | None,
    *,
    program: str,
    space: str,
    help: Help,
) -> Schema:
    """Set a schema's fields: defaults, then the file of `--config`, then the other options.

    Args:
        schema: A dataclass whose fields have defaults. A field may be such a dataclass itself, or
            choose a class with its own options; see `nasp.registry.choice_field`. If it has an
            attribute `given`, that gets the names of the options that were given.
        argv: The command line; that of the process if None.
        program: The command's name, for the help.
        space: Folder in `configs/` in which `--config` finds a name.
        help: Texts of the help.

    Raises:
        NaspError: An option, key, type or value is wrong, or the configuration file is missing or
            not a YAML mapping.
        SystemExit: `--help`, `--help_all` or `--version` was given and has been printed.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    given = scan_options(words)
    if "version" in given:
        print(f"nasp {version()}")
        raise SystemExit(0)
    if "-h" in words or not given.keys().isdisjoint(("help", "help_all")):
        everything = "help_all" in given
        available = AvailableOptions(schema, given, shown="all" if everything else "named")
        print(help.text(available, program, space, everything))
        raise SystemExit(0)
    path, body = None, {}
    if given.get("config"):
        path = find_config(str(given["config"]), space)
        body = _mapping(path)
    available = AvailableOptions(schema, given, path, body)
    texts = option_texts(words, available, ["config"])
    config = cast(Schema, _fill("", available, texts))
    if hasattr(schema, "given"):
        setattr(config, "given", frozenset({*texts, *body} - {"config"}))  # noqa: B010 (not in all schemas)
    return config


def to_yaml(config: Any) -> str:
    """Return the whole configuration, including options of chosen classes, as YAML."""
    return yaml.safe_dump(_tree(config), sort_keys=False)


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """Return values by dotted key, each a number, string, boolean, list or None.

    A chosen class has its name, and its options that differ from their defaults. So giving an
    option its default value changes nothing.
    """
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        key, value = prefix + field.name, getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            flat |= flatten(value, f"{key}.")
        elif "registry" not in field.metadata:
            flat[key] = _plain(value)
        else:
            flat[key] = name = chosen_name(value)
            if value != name:
                given, default = (
                    flatten(resolve_choice(field, v)[1], f"{key}.") for v in (value, name)
                )
                flat |= _others(given, default)
    return flat


def differences(config: Any) -> dict[str, Any]:
    """Return what `flatten` returns, without values that are the schema's defaults."""
    return _others(flatten(config), flatten(type(config)()))


def _others(flat: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in flat.items() if k not in default or v != default[k]}


def _tree(config: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            tree[field.name] = _tree(value)
        elif "registry" in field.metadata:
            options = _tree(resolve_choice(field, value)[1])
            tree[field.name] = {"name": chosen_name(value), **options}
        else:
            tree[field.name] = _plain(value)
    return tree


def _plain(value: Any) -> Any:
    if isinstance(value, Path | str):
        return without_password(str(value))
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _mapping(path: Path) -> dict[str, Any]:
    body = read_yaml(path, "configuration")
    if body is not None and not isinstance(body, dict):
        raise NaspError(f"{path}: not a mapping of keys to values")
    return body or {}


def _fill(key: str, available: AvailableOptions, texts: Mapping[str, str]) -> Any:
    """Return the filled schema if `key` is "", else the `Options` of the class that it chooses."""
    part = available.parts[key]
    schema = type(part.default)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(schema, key or None)
    for name, value in part.from_file.items():
        try:
            parser.parse_object({name: value})
            _checked(part.options[name], value)
        except (ArgumentError, *WRONG) as error:
            raise NaspError(f"{available.file}{_one_line(error)}") from error
    parser.set_defaults({name: option.default for name, option in part.options.items()})
    parser.set_defaults(part.from_file)
    given = [k for k in texts if k in part.options and k not in available.names]
    try:
        parsed = parser.parse_args([f"--{k}={texts[k]}" for k in given])
    except (ArgumentError, *WRONG) as error:
        raise NaspError(_one_line(error)) from error
    if not key:
        return schema(**_values(part.default, parsed, "", available, texts))
    values = _values(part.default, parsed[key], f"{key}.", available, texts)
    try:
        return schema(**values)
    except NaspError as error:
        raise NaspError(f"{key}.{error}") from error


def _values(
    default: Any,
    parsed: Namespace,
    prefix: str,
    available: AvailableOptions,
    texts: Mapping[str, str],
) -> dict[str, Any]:
    """Return the checked values of a dataclass by field."""
    values: dict[str, Any] = {}
    for option in options_of(default, prefix):
        key, name, section = option.key, option.field.name, option.default
        if dataclasses.is_dataclass(section):
            inner = _values(section, parsed[name], f"{key}.", available, texts)
            values[name] = cast(type, type(section))(**inner)
        elif option.chooses:
            values[name] = _chosen(key, available, texts)
        else:
            values[name] = _checked(option, parsed[name])
    return values


def _chosen(
    key: str, available: AvailableOptions, texts: Mapping[str, str]
) -> str | dict[str, Any]:
    """Return the name of a chosen class, with its options that differ from their defaults."""
    name = available.names[key]
    if key not in available.parts:
        return name
    options, default = _fill(key, available, texts), available.parts[key].default
    values = {f.name: getattr(options, f.name) for f in dataclasses.fields(options)}
    others = {k: v for k, v in values.items() if v != getattr(default, k)}
    return {"name": name, **others} if others else name


def _checked(option: Option, value: Any) -> Any:
    if value is None and not option.takes(type(None)):
        raise NaspError(f"{option.key} is null: give a value, or leave it out")
    for part in value if isinstance(value, list | tuple) else [value]:
        if isinstance(part, int) and abs(part) >= 1 << 63:
            raise NaspError(f"{option.key} is {str(part)[:40]}; it must fit 64 bits")
        if option.key == "seed" and isinstance(part, int) and part < 0:
            raise NaspError(f"seed is {part}; it must be 0 or more")
        if isinstance(part, float) and math.isinf(part):
            raise NaspError(f"{option.key} is {part}; it must be finite")
    return tuple(value) if isinstance(value, list) else value


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    for before, after in SAID.items():
        text = text.replace(before, after)
    return text
