"""Things by name, imported when they are asked for; and options that choose one of them.

A field of a dataclass that is made by `chosen` holds the name of a registered class, or a mapping
of `name` and the class's own options: `"nasp"`, `{"name": "nasp", "eta": 0.1}`.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, TypeVar

from nasp.errors import NaspError, check_known

Value = TypeVar("Value")


class Registry(Mapping[str, Value]):
    """Values by name; the names alone cost no import, so that `--help` need not wait for torch.

    Args:
        places: Where each is, `package.module:attribute`.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self.places = dict(places)

    def add(self, name: str, place: str) -> None:
        """Register one more value, from inside or outside of this project.

        Args:
            name: Its name.
            place: Where it is, `package.module:attribute`.

        Raises:
            NaspError: The name is taken by something else.
        """
        if self.places.setdefault(name, place) != place:
            raise NaspError(f"{name!r} is {self.places[name]} already: choose another name")

    def __getitem__(self, name: str) -> Value:
        module, _, attribute = self.places[name].partition(":")
        value: Value = getattr(import_module(module), attribute)
        return value

    def __contains__(self, name: object) -> bool:
        return name in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


class Joined(Mapping[str, Value]):
    """Several registries as one; what is added to one of them is here, too."""

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


def chosen(default: str, registry: Mapping[str, Any], **defaults: Any) -> Any:
    """A dataclass's field that chooses from a registry of classes with `Options`.

    Args:
        default: The name that is chosen if none is given.
        registry: The classes by name. The `Options` of each is a dataclass with defaults.
        defaults: Values that replace those defaults, for every class that has such an option.
    """
    return dataclasses.field(
        default=default, metadata={"registry": registry, "defaults": dict(defaults)}
    )


def chosen_name(value: str | Mapping[str, Any]) -> str:
    """The name in the value of a field that `chosen` made."""
    return value if isinstance(value, str) else str(value.get("name"))


def check_choice(options: object, field: str) -> None:
    """Check that the name in a field that `chosen` made is a known one; imports nothing.

    Raises:
        NaspError: It is not.
    """
    registry = _field(options, field).metadata["registry"]
    check_chosen(field, getattr(options, field), registry)


def check_chosen(what: str, value: Any, registry: Mapping[str, Any]) -> None:
    """Check a value for a field that `chosen` made, as `check_choice` does; `what` names it."""
    if not isinstance(value, str) and not (isinstance(value, Mapping) and "name" in value):
        raise NaspError(f"{what} is {value!r:.60}: give a name, or a mapping of name and options")
    check_known(what, chosen_name(value), registry)


def choice(options: object, field: str) -> tuple[Any, Any]:
    """What a field that `chosen` made stands for: the class, and an instance of its `Options`.

    Raises:
        NaspError: There is no such class, it has no such option, or a value is not possible.
    """
    return resolve(_field(options, field), getattr(options, field))


def resolve(field: "dataclasses.Field[Any]", value: Any) -> tuple[Any, Any]:
    """What a value stands for in a field that `chosen` made; see `choice`."""
    check_chosen(field.name, value, field.metadata["registry"])
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


def lazily(package: str, table: str) -> tuple[list[str], Callable[[str], Any]]:
    """The public names of a package, imported when they are used: `__all__` and `__getattr__`.

    Args:
        package: Its name.
        table: A line for each of its modules: `module: Name other_name`.
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
