"""Item neighbours: an item is as good as it is similar to the user's items."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from nasp.cli.option_checks import check_not_negative, check_positive, check_types
from sif.closed_forms.base import SHARE, Bound, ClosedForm, matrix_of, powers
from sif.user_items import UserItems

BLOCK = 1 << 24  # similarities that are computed at once, to bound the memory


@dataclass
class NeighboursOptions:
    """Options of item neighbours.

    Attributes:
        neighbours: Number of most similar items that an item is scored by.
        shrinkage: Constant in the denominator of the similarity, which lowers similarities that
            are based on few users.
        user_exponent: A user with n items has weight n^-user_exponent; 0 for equal weights.
    """

    neighbours: int = 100
    shrinkage: float = 10.0
    user_exponent: float = 0.0

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "neighbours")
        check_not_negative(self, "shrinkage")


class ItemNeighbours(ClosedForm):
    """Scores an item by its summed similarity to those of the user's items it is nearest to.

    The similarity of items i and j is `Σ_u w_u / (√(n_i n_j) + shrinkage)` over their common users,
    the cosine for weights 1 and no shrinkage; n_i is the sum of the weights of i's users.
    """

    Options = NeighboursOptions
    options: NeighboursOptions
    bounds: ClassVar[Mapping[str, Bound]] = {
        "neighbours": Bound(10, 1000, log=True),
        "shrinkage": Bound(0.1, 1000.0, log=True),
        "user_exponent": SHARE,
    }
    most_items = 30_000  # a fit takes a minute, in proportion to the square of their number

    def __init__(self, options: NeighboursOptions, tensors: Mapping[str, Tensor]) -> None:
        super().__init__(options, tensors)
        starts = self.tensors["starts"]
        pairs = UserItems.checked(starts, self.tensors["items"], len(starts) - 1)
        self.by_source = matrix_of(pairs, self.tensors["similarity"])

    @classmethod
    def solve(
        cls, pairs: UserItems, options: NeighboursOptions, generator: torch.Generator
    ) -> dict[str, Tensor]:
        items, matrix = pairs.catalogue, matrix_of(pairs)
        weighted = sparse.diags_array(powers(pairs.counts(), -options.user_exponent)) @ matrix
        norms = torch.from_numpy(np.sqrt(weighted.sum(axis=0)))
        columns = weighted.T.tocsr()
        count = min(options.neighbours, items)
        nearest: list[Tensor] = []
        values: list[Tensor] = []
        for block in torch.split(torch.arange(items), max(1, BLOCK // max(1, items))):
            common = torch.from_numpy((columns[block.numpy()] @ matrix).toarray())
            common /= (norms[block, None] * norms).add_(options.shrinkage).clamp_(min=1e-9)
            common[torch.arange(len(block)), block] = 0
            best, at = common.topk(count)
            nearest.append(at.int())
            values.append(best)
        shape, starts = (items, items), np.arange(0, items * count + 1, count)
        entries = torch.cat(values).flatten().numpy(), torch.cat(nearest).flatten().numpy()
        by_source = sparse.csr_array((*entries, starts), shape=shape).T.tocsr()
        return {
            "starts": torch.from_numpy(by_source.indptr).long(),
            "items": torch.from_numpy(by_source.indices).long(),
            "similarity": torch.from_numpy(by_source.data),
        }

    def score_lists(self, lists: UserItems) -> Tensor:
        return torch.from_numpy((matrix_of(lists) @ self.by_source).toarray())
