"""Registries: classes and functions by name, imported on first use, and options that choose one.

`choice_field` makes a dataclass field whose value is the name of a registered class, or a mapping
of `name` and the class's own options: `"nasp"` or `{"name": "nasp", "eta": 0.1}`.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, TypeVar

from nasp.errors import NaspError, check_known

Value = TypeVar("Value")


class Registry(Mapping[str, Value]):
    """Values by name. Listing the names imports nothing, so `--help` does not wait for torch.

    Args:
        places: Each value, or its import path, `package.module:attribute`.
    """

    def __init__(self, places: Mapping[str, str | Value]) -> None:
        self.places = dict(places)

    def add(self, name: str, place: str | Value) -> None:
        """Register one more value, from inside or outside of this project.

        Args:
            name: The value's name.
            place: The value, or its import path, `package.module:attribute`.

        Raises:
            NaspError: Another value has this name.
        """
        if self.places.setdefault(name, place) != place:
            raise NaspError(f"{name!r} is {self.places[name]} already: choose another name")

    def __getitem__(self, name: str) -> Value:
        place = self.places[name]
        if not isinstance(place, str):
            return place
        module, _, attribute = place.partition(":")
        value: Value = getattr(import_module(module), attribute)
        return value

    def __contains__(self, name: object) -> bool:
        return name in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


class JoinedRegistry(Mapping[str, Value]):
    """A view of several registries as one mapping, which follows later additions to them."""

    def __init__(self, *registries: Registry[Any]) -> None:
        self.registries = registries

    def __getitem__(self, name: str) -> Value:
        for registry in self.registries:
            if name in registry:
                value: Value = registry[name]
                return value
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(name in registry for registry in self.registries)

    def __iter__(self) -> Iterator[str]:
        return (name for registry in self.registries for name in registry)

    def __len__(self) -> int:
        return sum(map(len, self.registries))


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """The options of a class that has none."""


def choice_field(default: str, registry: Mapping[str, Any], **defaults: Any) -> Any:
    """Return a dataclass field that chooses a class from a registry.

    Args:
        default: Name of the default class.
        registry: The classes by name. The `Options` of each is a dataclass with defaults.
        defaults: Default values of options by name, which replace those in `Options`, for every
            class that has such an option.
    """
    return dataclasses.field(
        default=default, metadata={"registry": registry, "defaults": dict(defaults)}
    )


def chosen_name(value: str | Mapping[str, Any]) -> str:
    """Return the class's name from the value of a `choice_field`."""
    return value if isinstance(value, str) else str(value.get("name"))


def check_choice(options: object, field: str) -> None:
    """Check that a `choice_field` names a registered class, without importing the class.

    Raises:
        NaspError: No such class is registered.
    """
    registry = _field(options, field).metadata["registry"]
    check_choice_value(field, getattr(options, field), registry)


def check_choice_value(what: str, value: Any, registry: Mapping[str, Any]) -> None:
    """Check the value of a `choice_field`, as `check_choice` does; messages call it `what`."""
    if not isinstance(value, str) and not (isinstance(value, Mapping) and "name" in value):
        raise NaspError(f"{what} is {value!r:.60}: give a name, or a mapping of name and options")
    check_known(what, chosen_name(value), registry)


def class_and_options(options: object, field: str) -> tuple[Any, Any]:
    """Return the class that a `choice_field` names, and an instance of its `Options`.

    Raises:
        NaspError: There is no such class, it has no such option, or a value is not possible.
    """
    return resolve_choice(_field(options, field), getattr(options, field))


def resolve_choice(field: "dataclasses.Field[Any]", value: Any) -> tuple[Any, Any]:
    """Return the class and options that a value of a `choice_field` names.

    See `class_and_options`.
    """
    check_choice_value(field.name, value, field.metadata["registry"])
    name = chosen_name(value)
    found = field.metadata["registry"][name]
    known = {f.name: f for f in dataclasses.fields(found.Options)}
    given = {} if isinstance(value, str) else {k: v for k, v in value.items() if k != "name"}
    for option in given:
        check_known(f"option of {field.name} {name!r}:", option, known)
    defaults = {k: v for k, v in field.metadata["defaults"].items() if k in known}
    try:
        return found, found.Options(**{**defaults, **given})
    except NaspError as error:
        raise NaspError(f"{field.name}.{error}") from error


def _field(options: object, name: str) -> "dataclasses.Field[Any]":
    (field,) = (f for f in dataclasses.fields(options) if f.name == name)  # type: ignore[arg-type]
    return field


def lazy_exports(package: str, table: str) -> tuple[list[str], Callable[[str], Any]]:
    """Return a package's `__all__` and `__getattr__`, which imports each name on first use.

    Args:
        package: The package's name.
        table: A line for each module: `module: Name other_name`.
    """
    lines = (line.split(":") for line in table.strip().splitlines())
    places = Registry[Any](
        {
            name: f"{package}.{module.strip()}:{name}"
            for module, names in lines
            for name in names.split()
        }
    )

    def __getattr__(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return places[name]

    return sorted(places), __getattr__
