"""Typed configuration: a dataclass is the schema, YAML and the command line fill it."""

import dataclasses
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_type_hints

import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace

from nasp.cli.package_files import find_config
from nasp.errors import NaspError, nearest, without_password
from nasp.files.yaml_file import check_plain, read_yaml

Schema = TypeVar("Schema")
# What the parser raises for values that no option can have, beside its own error.
WRONG = (TypeError, ValueError, AttributeError, LookupError, RecursionError)


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
    defaults = _defaults(schema)
    known = list(defaults)
    arguments = _flags(defaults, argv)
    name = _option(arguments, "config")
    if name is not None:
        path = find_config(name, space)
        parser.set_defaults(_file(path, parser, defaults))
    for argument in arguments:
        key = argument[2:].split("=")[0].replace("-", "_")
        if argument.startswith("--") and key not in {*known, "config", "help", "print_config"}:
            raise NaspError(
                f"unknown option {argument.split('=')[0]}{nearest(key, known)}: see --help"
            )
        if "=" in argument and _is_number(defaults.get(key)):
            check_plain(argument.partition("=")[2])
    try:
        values = parser.parse_args(arguments)
    except (ArgumentError, *WRONG) as error:
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
        if isinstance(value, Path | str):
            return without_password(str(value))
        if isinstance(value, Mapping):
            return {k: plain(v) for k, v in value.items()}
        return [plain(v) for v in value] if isinstance(value, tuple) else value

    return {k: plain(v) for k, v in dataclasses.asdict(config).items()}


def _defaults(schema: Any, prefix: str = "") -> dict[str, Any]:
    """Defaults by dotted key."""
    defaults = {}
    for field in dataclasses.fields(schema):
        defaults[prefix + field.name] = default = _default(field)
        if dataclasses.is_dataclass(default):
            defaults |= _defaults(default, f"{prefix}{field.name}.")
    return defaults


def _default(field: dataclasses.Field[Any]) -> Any:
    factory = field.default_factory
    return field.default if factory is dataclasses.MISSING else factory()


def _flags(defaults: Mapping[str, Any], argv: Sequence[str] | None) -> list[str]:
    """`--key=value` for every option, as the parser wants it.

    `--resume` means `--resume=true`, `--batch-size` means `--batch_size`, and `--seeds 1,2` or
    `--seeds 1 2` means `--seeds=[1,2]`.

    Raises:
        NaspError: An option has an empty value, or a word belongs to no option.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    flags: list[str] = []
    while given:
        argument = given.pop(0)
        if not argument.startswith("--"):
            of_an_option = flags and flags[-1].startswith("--") and "=" not in flags[-1]
            if argument != "-h" and not of_an_option:
                hint = f": is it the data? Then --data {argument}" if "data" in defaults else ""
                raise NaspError(f"{argument!r} is no option{hint}; see --help")
            flags.append(argument)
            continue
        name, equals, value = argument[2:].partition("=")
        name = name.replace("-", "_")
        alone = not equals and (not given or given[0].startswith("-"))
        if isinstance(defaults.get(name), bool) and alone:
            value, equals = "true", "="
        elif name in defaults and not equals and given and not given[0].startswith("--"):
            value, equals = given.pop(0), "="
        if equals and not value:
            raise NaspError(f"--{name} has no value: give one, or leave the option out")
        if isinstance(defaults.get(name), tuple) and not value.startswith(("[", "null")):
            while given and not given[0].startswith("--"):
                value += f",{given.pop(0)}"
            value = f"[{value}]"
        flags.append(f"--{name}{equals}{value}")
    return flags


def _is_number(default: Any) -> bool:
    return isinstance(default, int | float) and not isinstance(default, bool)


def _option(arguments: Sequence[str], name: str) -> str | None:
    for i, argument in enumerate(arguments):
        if argument.startswith(f"--{name}="):
            return argument.partition("=")[2]
        if argument == f"--{name}" and i + 1 < len(arguments):
            return arguments[i + 1]
    return None


def _file(path: Path, parser: ArgumentParser, defaults: Mapping[str, Any]) -> dict[str, Any]:
    body = read_yaml(path, "configuration")
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise NaspError(f"{path}: not a mapping of keys to values")
    flat: dict[str, Any] = {}
    for key, value in body.items():
        if not dataclasses.is_dataclass(defaults.get(key)):
            flat[key] = value
        elif isinstance(value, dict):
            flat |= {f"{key}.{k}": v for k, v in value.items()}
        else:
            raise NaspError(f"{path}: {key} must be a mapping of its options, not {value!r:.40}")
    for key, value in flat.items():
        if key not in defaults:
            raise NaspError(f"{path}: unknown key {key!r}{nearest(str(key), defaults)}")
        try:
            parser.parse_object({key: value})
        except (ArgumentError, *WRONG) as error:
            raise NaspError(f"{path}: {_one_line(error)}") from error
    return flat


def _build(schema: type[Schema], values: Namespace, prefix: str = "") -> Schema:
    given = {}
    hints = get_type_hints(schema)
    for field in dataclasses.fields(cast(Any, schema)):
        value, name = values[field.name], prefix + field.name
        if dataclasses.is_dataclass(default := _default(field)) and value is not None:
            value = _build(type(default), value, f"{name}.")
        if value is None and type(None) not in get_args(hints[field.name]):
            raise NaspError(f"{name} is null: give a value, or leave it out")
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, int) and abs(part) >= 1 << 63:
                raise NaspError(f"{name} is {str(part)[:40]}; it must fit 64 bits")
            if name == "seed" and isinstance(part, int) and part < 0:
                raise NaspError(f"seed is {part}; it must be 0 or more")
            if isinstance(part, float) and math.isinf(part):
                raise NaspError(f"{name} is {part}; it must be finite")
        given[field.name] = tuple(value) if isinstance(value, list) else value
    return schema(**given)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text.replace('Parser key "', 'option "').replace("<class '", "").replace("'>", "")
