"""Names and what they stand for, which is imported when it is asked for."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, TypeVar

Value = TypeVar("Value")


class Registry(Mapping[str, Value]):
    """Values by name; the names alone cost no import, so that `--help` need not wait for torch.

    Args:
        places: Where each is, `package.module:attribute`.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self.places = dict(places)

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


def attribute(package: str, places: Mapping[str, str], name: str) -> Any:
    """A public name of a package that imports nothing until it is used (PEP 562).

    Args:
        package: Its name, for the message.
        places: Where its public names are, as in `Registry`.
        name: What is asked for.

    Raises:
        AttributeError: The package has no such name.
    """
    if name not in places:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return Registry[Any](places)[name]
