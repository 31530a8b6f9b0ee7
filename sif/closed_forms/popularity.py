"""Popularity: the same list for everybody."""

from typing import Any

import torch
from torch import Tensor

from sif.closed_forms.base import ClosedForm
from sif.user_items import UserItems


class Popularity(ClosedForm):
    """Scores an item by its number of users."""

    @classmethod
    def solve(cls, pairs: UserItems, options: Any, generator: torch.Generator) -> dict[str, Tensor]:
        return {"counts": pairs.popularity().float()}

    def score_lists(self, lists: UserItems) -> Tensor:
        return self.tensors["counts"].expand(lists.shape)
