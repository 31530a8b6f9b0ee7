"""The rankers that a model of rankings is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch

from nasp.errors import NaspError, check_known
from nasp.files.schema import anything, mapping, number, section, tensor, text
from sif.closed_forms import CLOSED_FORMS, Ranker
from sif.closed_forms.average import average
from sif.evaluation.ranking import Scorer
from sif.models.function_ranker import FunctionRanker
from sif.user_items import UserItems

FUNCTION = "function"  # kind of a member that is a trained function
MEMBER = section(
    {
        "kind": text,
        "weight": number(above=0),
        "options": mapping(anything),
        "tensors": mapping(tensor()),
    }
)


@dataclass(frozen=True)
class Member:
    """A ranker of an average.

    Attributes:
        kind: A name in `CLOSED_FORMS`, or `function`.
        ranker: The ranker, fitted to the model's pairs.
        weight: Its weight.
    """

    kind: str
    ranker: Ranker
    weight: float = 1.0

    def state(self) -> dict[str, Any]:
        """Return the content of a file, which follows `MEMBER`."""
        return {
            "kind": self.kind,
            "weight": self.weight,
            "options": asdict(self.ranker.options),
            "tensors": self.ranker.tensors,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Make a member from the content of a file; raises any error if it is damaged."""
        kind = state["kind"]
        check_known("ranker", kind, [*CLOSED_FORMS, FUNCTION])
        ranker = FunctionRanker if kind == FUNCTION else CLOSED_FORMS[kind]
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in state["options"].items()}
        return cls(kind, ranker(ranker.Options(**given), state["tensors"]), state["weight"])

    def check(self, pairs: UserItems, path: Path | str) -> None:
        """Check that the ranker is one of all items of `pairs`.

        Raises:
            NaspError: It is not.
        """
        few = torch.arange(min(1, pairs.shape[0]))
        lists = pairs.take(few)
        scores = self.ranker.scorer(pairs)(few), self.ranker.score_lists(lists)
        if any(part.shape != lists.shape for part in scores):
            raise NaspError(f"{path}: {self.kind} is not a ranker of the model's items")


def joined(scorers: Sequence[Scorer], members: Sequence[Member]) -> Scorer:
    """Return the only scorer, or the average of several."""
    if len(scorers) == 1:
        return scorers[0]
    return average(scorers, [member.weight for member in members])
