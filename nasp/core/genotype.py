"""`Genotype`, the architecture that a search found, and its file."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from nasp.atomic_io import write_text
from nasp.core.decision import Decision
from nasp.errors import NaspError, nearest
from nasp.files.digest import KEY, digest_matches, with_digest
from nasp.files.json_file import parse_json, read_json
from nasp.files.schema import integer, mapping, section, sequence, text
from nasp.plugins import HINT

VERSION = 1
Choices = dict[str, tuple[tuple[str, str], ...]]
NOUN = "genotype"


def _numbers(value: Any, name: str) -> None:
    """A finite number, or nested lists of them."""
    if isinstance(value, list):
        for part in value:
            _numbers(part, name)
    elif type(value) not in (int, float) or not math.isfinite(value):
        raise NaspError(f"{name} must be lists of finite numbers")


SCHEMA = section(
    {
        "version": integer(VERSION, VERSION),
        "space": text,
        "choices": mapping(sequence(sequence(text, 2))),
    },
    {"continuous": mapping(_numbers), KEY: text},
)


@dataclass(frozen=True)
class Genotype:
    """The chosen operations of each decision, and the continuous architecture; equal by value.

    Attributes:
        space: Name of its search space.
        choices: The kept `(source, operation)` pairs of each decision.
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
        """Return the genotype as JSON text with its digest; floats are written exactly."""
        body = {"version": VERSION, "space": self.space, "choices": self.choices}
        return (
            json.dumps(with_digest({**body, "continuous": dict(self.continuous)}), indent=1) + "\n"
        )

    @classmethod
    def from_json(cls, text: str, source: str = NOUN) -> Self:
        """Read the text that `to_json` writes. A handwritten text may leave out the digest.

        Args:
            text: The JSON text.
            source: The text's origin for messages, for example a path.

        Raises:
            NaspError: The text is not a genotype, has an unknown version, or does not match its
                digest.
        """
        return cls._of(parse_json(text, source, NOUN), source)

    @classmethod
    def _of(cls, body: Any, source: str) -> Self:
        version = body.get("version", VERSION) if isinstance(body, dict) else VERSION
        if type(version) is int and version != VERSION:
            raise NaspError(
                f"{source}: genotype version {version}, but this program reads "
                f"version {VERSION}: install the release that wrote it"
            )
        try:
            SCHEMA(body, "")
        except NaspError as error:
            raise NaspError(f"{source}: not a genotype file: {error}") from error
        if not digest_matches(body, required=False):
            raise NaspError(
                f"{source}: the genotype does not match its digest: give another file; or, if you "
                f'edited it, remove its "{KEY}"'
            )
        choices = {
            name: tuple((edge, operation) for edge, operation in pairs)
            for name, pairs in body["choices"].items()
        }
        return cls(body["space"], choices, body.get("continuous", {}))

    def save(self, path: Path) -> None:
        """Write the genotype to `path`, atomically."""
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a genotype from a file, or from the folder of a run.

        Raises:
            NaspError: The file is missing or not a genotype.
        """
        if path.is_dir():
            path = path / "genotype.json"
        return cls._of(read_json(path, NOUN), str(path))


def choices_of(decisions: tuple[Decision, ...], projection: Mapping[str, Tensor]) -> Choices:
    """Return the `(source, operation)` pairs of each decision that a projection onto C1 keeps."""
    return {
        d.name: tuple(
            (d.sources[edge], d.operations[k]) for edge, k in projection[d.name].nonzero().tolist()
        )
        for d in decisions
    }


def projection_of(decisions: tuple[Decision, ...], choices: Choices) -> dict[str, Tensor]:
    """Return the projection that keeps the choices, the inverse of `choices_of`.

    The projection has one-hot rows, `(edges, operations)` for each decision.

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
            offered = d.without_absent().operations
            if source not in d.sources or operation not in offered:
                raise NaspError(
                    f"decision {d.name!r} has no {operation!r} on {source!r}: operations are "
                    f"{', '.join(offered)}; sources {', '.join(d.sources)}"
                )
            a[d.sources.index(source), d.operations.index(operation)] = 1.0
        projection[d.name] = a
    return projection


def check_pairs(
    pairs: Sequence[tuple[str, str]], name: str, sources: Sequence[str], operations: Sequence[str]
) -> None:
    """Check the `(source, operation)` pairs of a decision.

    Args:
        pairs: The pairs.
        name: Name of the decision.
        sources: The sources that it may have.
        operations: The operations that it may have.

    Raises:
        NaspError: A source or an operation is not one of them.
    """
    for pair in pairs:
        for part, value, valid, hint in zip(
            ("source", "operation"), pair, (sources, operations), ("", HINT), strict=True
        ):
            if value not in valid:
                raise NaspError(
                    f"{name} cannot have the {part} {value!r}{nearest(value, valid)}: "
                    f"there are {', '.join(valid)}{hint}"
                )
