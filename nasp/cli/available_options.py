"""The options of a command: those of its schema, and those of the classes that these choose."""

import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from nasp.errors import NaspError, nearest
from nasp.registry import check_choice_value, chosen_name, resolve_choice


@dataclasses.dataclass(frozen=True)
class Option:
    """An option, which is a field of a dataclass.

    Attributes:
        key: Name of the option, after the names of its sections: `tune.learning_rate`.
        field: The field.
        schema: The dataclass that has the field or inherits it.
        hint: Declared type.
        default: Default value.
    """

    key: str
    field: "dataclasses.Field[Any]"
    schema: type
    hint: Any
    default: Any

    @property
    def chooses(self) -> bool:
        """Whether the option chooses a class from a registry; see `nasp.registry.choice_field`."""
        return "registry" in self.field.metadata

    def takes(self, *kinds: type) -> bool:
        """Whether the option accepts one of these types; `tuple` stands for any tuple type."""
        return not set(kinds).isdisjoint(_kinds(self.hint))


def options_of(default: Any, prefix: str = "") -> Iterator[Option]:
    """Yield the options of a dataclass with its defaults; a section counts as one option."""
    hints = get_type_hints(type(default))
    for field in dataclasses.fields(default):
        value, key = getattr(default, field.name), prefix + field.name
        yield Option(key, field, type(default), hints[field.name], value)


def _kinds(hint: Any) -> Iterator[Any]:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        for part in get_args(hint):
            yield from _kinds(part)
    else:
        yield origin or hint


@dataclasses.dataclass
class OptionGroup:
    """The options of a schema, or of the `Options` of a chosen class.

    Attributes:
        default: The dataclass with its defaults.
        options: The options by key, including those in sections.
        from_file: The values in the configuration file, by key.
    """

    default: Any
    options: dict[str, Option] = dataclasses.field(default_factory=dict)
    from_file: dict[str, Any] = dataclasses.field(default_factory=dict)


class AvailableOptions:
    """All options of a command, with their values in a configuration file.

    A chosen class is imported only if the command line or the file sets one of its options.

    Args:
        schema: The dataclass of a command's options.
        given: The values on the command line, by key.
        path: The configuration file.
        body: The content of the configuration file.
        shown: Chosen classes to import in any case, for the help: those named on the command
            line, or all.

    Attributes:
        parts: The options of the schema, with the key "", and of each imported class, with the key
            of the option that chooses it.
        names: The name of each chosen class, imported or not, by the same key.

    Raises:
        NaspError: A chosen class is unknown, or the file has an unknown key, or a section of the
            file is not a mapping.
    """

    def __init__(
        self,
        schema: type,
        given: Mapping[str, str | None],
        path: Path | None = None,
        body: Mapping[str, Any] | None = None,
        shown: Literal["none", "named", "all"] = "none",
    ) -> None:
        self.file = "" if path is None else f"{path}: "
        self.parts: dict[str, OptionGroup] = {}
        self.names: dict[str, str] = {}
        self._given, self._shown = given, shown
        self._unknown: list[str] = []  # keys of the file
        self._add_part("", schema(), body or {})
        if self._unknown:
            key = self._unknown[0]
            raise NaspError(f"{self.file}unknown key {key!r}{self.hint(key)}")

    def by_key(self) -> dict[str, Option]:
        """Return all options by key; those of a chosen class only if it was imported."""
        return {key: option for part in self.parts.values() for key, option in part.options.items()}

    def hint(self, key: str) -> str:
        """Return the end of a message on an unknown key: the nearest key or the class's options."""
        chooser, _, name = key.rpartition(".")
        if chooser not in self.names:
            return nearest(key, self.by_key())
        has = [k.removeprefix(f"{chooser}.") for k in self.parts[chooser].options]
        return f"{nearest(name, has)}; {self.names[chooser]} has {', '.join(has) or 'no options'}"

    def _add_part(self, key: str, default: Any, body: Mapping[str, Any]) -> None:
        part = self.parts[key] = OptionGroup(default)
        self._add(part, default, f"{key}." if key else "", body)

    def _add(self, part: OptionGroup, default: Any, prefix: str, body: Mapping[str, Any]) -> None:
        """Add the options of a dataclass and their values in the file."""
        options = {option.field.name: option for option in options_of(default, prefix)}
        self._unknown += [f"{prefix}{name}" for name in body if name not in options]
        for name, option in options.items():
            if dataclasses.is_dataclass(option.default):
                section = body.get(name, {})
                if not isinstance(section, Mapping):
                    raise NaspError(
                        f"{self.file}{option.key} must be a mapping of its options, "
                        f"not {section!r:.40}"
                    )
                self._add(part, option.default, f"{option.key}.", section)
                continue
            part.options[option.key] = option
            if option.chooses:
                self._choose(option, body.get(name, option.default))
            elif name in body:
                part.from_file[option.key] = body[name]

    def _choose(self, option: Option, value: Any) -> None:
        """Find the chosen class, and add its options if any of them is set or shown.

        Args:
            option: The option that chooses the class.
            value: The value in the file, or the default.
        """
        key, registry = option.key, option.field.metadata["registry"]
        try:
            check_choice_value(key, value, registry)
        except NaspError as error:
            raise NaspError(f"{self.file}{error}") from error
        before = chosen_name(value)
        options = {} if isinstance(value, str) else {k: v for k, v in value.items() if k != "name"}
        name = self.names[key] = self._given.get(key) or before
        check_choice_value(key, name, registry)
        if options and name != before:
            warnings.warn(
                f"{self.file}the options of {key} {before} are left out, as --{key} is {name}",
                stacklevel=2,
            )
            options = {}
        named = self._shown == "all" or (self._shown == "named" and key in self._given)
        if options or named or any(k.startswith(f"{key}.") for k in self._given):
            _, default = resolve_choice(option.field, name)
            self._add_part(key, default, options)
