"""What a search found."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from nasp.core.decision import Decision
from nasp.core.errors import NaspError
from nasp.core.files import write_text

VERSION = 1
Choices = dict[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Genotype:
    """The operations of each decision, and the continuous parts; equal by value.

    Attributes:
        space: Name of the space that it is of.
        choices: For each decision the kept `(source, operation)` pairs.
        continuous: Continuous architecture parameters by name, as nested lists of numbers.
    """

    space: str
    choices: Choices
    continuous: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "; ".join(
            f"{name}: " + " + ".join(f"{operation}({source})" for source, operation in pairs)
            for name, pairs in self.choices.items()
        )

    def to_json(self) -> str:
        """The genotype as JSON text; floats survive the round trip exactly."""
        body = {"version": VERSION, "space": self.space, "choices": self.choices}
        return json.dumps({**body, "continuous": dict(self.continuous)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = "genotype") -> Self:
        """Read `to_json`'s text.

        Args:
            text: The JSON text.
            source: What to call it in an error, a path for example.

        Raises:
            NaspError: The text is no genotype, or of a version that is not known here.
        """
        try:
            body = json.loads(text)
            if body["version"] != VERSION:
                raise NaspError(
                    f"{source}: genotype version {body['version']}, but this program reads "
                    f"version {VERSION}: install the release that wrote it"
                )
            choices = {
                str(name): tuple((str(edge), str(operation)) for edge, operation in pairs)
                for name, pairs in body["choices"].items()
            }
            return cls(str(body["space"]), choices, dict(body.get("continuous", {})))
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, NaspError):
                raise
            raise NaspError(f"{source}: not a genotype file ({error!r})") from error

    def save(self, path: Path) -> None:
        """Write the genotype to `path`, atomically."""
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a genotype from `path`.

        Raises:
            NaspError: The file is missing or not a genotype.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise NaspError(f"{path}: cannot read the genotype ({error})") from error
        return cls.from_json(text, str(path))


def choices_of(decisions: tuple[Decision, ...], projection: Mapping[str, Tensor]) -> Choices:
    """Name what a projection onto C1 keeps: `(source, operation)` pairs for each decision."""
    return {
        d.name: tuple(
            (d.sources[edge], d.operations[k]) for edge, k in projection[d.name].nonzero().tolist()
        )
        for d in decisions
    }


def projection_of(decisions: tuple[Decision, ...], choices: Choices) -> dict[str, Tensor]:
    """The inverse of `choices_of`: one-hot rows `(edges, operations)` for each decision.

    Raises:
        NaspError: The choices do not belong to these decisions.
    """
    projection = {}
    for d in decisions:
        pairs = choices.get(d.name)
        if pairs is None or len(pairs) != d.keep:
            raise NaspError(f"the genotype has no {d.keep} choice(s) for decision {d.name!r}")
        a = torch.zeros(d.shape)
        for source, operation in pairs:
            if source not in d.sources or operation not in d.operations:
                raise NaspError(
                    f"decision {d.name!r} has no {operation!r} on {source!r}: operations are "
                    f"{', '.join(d.operations)}; sources {', '.join(d.sources)}"
                )
            a[d.sources.index(source), d.operations.index(operation)] = 1.0
        projection[d.name] = a
    return projection
