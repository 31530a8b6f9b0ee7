"""Popularity: the same list for everybody."""

from typing import Any

import torch
from torch import Tensor

from sif.baselines.closed_forms.base import ClosedForm
from sif.pairs import Pairs


class Popularity(ClosedForm):
    """Scores an item by its number of users."""

    @classmethod
    def solve(cls, pairs: Pairs, options: Any, generator: torch.Generator) -> dict[str, Tensor]:
        return {"counts": pairs.popularity().float()}

    def score_lists(self, lists: Pairs) -> Tensor:
        return self.tensors["counts"].expand(lists.shape)
