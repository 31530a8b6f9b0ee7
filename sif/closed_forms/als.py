"""Implicit ALS: factors by alternating least squares over all cells (Hu et al., ICDM 2008)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from nasp.cli.option_checks import check_not_negative, check_positive, check_types
from sif.closed_forms.base import SHARE, Bound, ClosedForm
from sif.user_items import UserItems, similar_rows


@dataclass
class ALSOptions:
    """Options of implicit ALS.

    Attributes:
        dim: Length of the factors.
        unobserved_weight: Total weight of the squared errors of all cells of users × items, in
            units of the pairs' weight, which is 1 each, on top of that of their cells. So one value
            suits catalogues of any size; a cell's weight is 1/α in Hu et al.
        weight_decay: Weight of the L2 penalty.
        count_exponent: The penalty of a factor grows with the weight of its row's cells to this
            power (Rendle et al., RecSys 2022); 0 for equal penalties.
        sweeps: Number of alternating updates of users and items.
        std: Standard deviation of the initial item factors, times √dim.
    """

    dim: int = 64
    unobserved_weight: float = 8.0
    weight_decay: float = 0.03
    count_exponent: float = 0.85
    sweeps: int = 10
    std: float = 0.1

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "dim", "unobserved_weight", "weight_decay", "sweeps", "std")
        check_not_negative(self, "count_exponent")


class ImplicitALS(ClosedForm):
    """Scores `w_u · h_i` of factors that minimise, with S the pairs and a the weight of a cell,

        Σ_S (w·h − 1)² + a Σ_all (w·h)² + λ Σ_u c_u ‖w_u‖² + λ Σ_i c_i ‖h_i‖²,

    where `c_u = (n_u + a · items)^count_exponent`, and c_i likewise. A list's factor is solved for
    with the items' factors as they are.
    """  # noqa: D415

    Options = ALSOptions
    options: ALSOptions
    bounds: ClassVar[Mapping[str, Bound]] = {
        "dim": Bound(8, 128, log=True),
        "unobserved_weight": Bound(0.1, 20.0, log=True),
        "weight_decay": Bound(1e-4, 1.0, log=True),
        "count_exponent": SHARE,
        "sweeps": Bound(5, 20),
    }

    @classmethod
    def solve(
        cls, pairs: UserItems, options: ALSOptions, generator: torch.Generator
    ) -> dict[str, Tensor]:
        users, items = pairs.shape
        by_item = UserItems.of(pairs.items, pairs.users(), (items, users))
        std = options.std / options.dim**0.5
        item_factors = torch.randn(items, options.dim, generator=generator) * std
        cell = options.unobserved_weight * len(pairs.items) / (users * items)
        for _ in range(options.sweeps):
            user_factors = solve_rows(pairs, item_factors, cell, options)
            item_factors = solve_rows(by_item, user_factors, cell, options)
        return {"items": item_factors, "cell": torch.tensor(cell, dtype=torch.float64)}

    def score_lists(self, lists: UserItems) -> Tensor:
        items = self.tensors["items"]
        return solve_rows(lists, items, float(self.tensors["cell"]), self.options) @ items.T


def solve_rows(rows: UserItems, fixed: Tensor, cell: float, options: ALSOptions) -> Tensor:
    """Solve for the factors of all rows, `(Σ h hᵀ + a HᵀH + penalty) w = Σ h`.

    Args:
        rows: The pairs of the rows; the sums are over a row's columns.
        fixed: The factors of the columns, `(columns, dim)`.
        cell: Weight of a cell, a.
        options: The options.

    Returns:
        `(rows, dim)`.
    """
    counts, dim = rows.counts(), fixed.shape[1]
    gram = cell * (fixed.T @ fixed)
    cells = counts + cell * len(fixed)
    penalty = options.weight_decay * cells.pow(options.count_exponent)
    solved = fixed.new_empty(len(counts), dim)
    for block, positions, there in similar_rows(counts, dim):
        gathered = fixed[rows.items[positions]] * there.unsqueeze(2)  # (block, longest, dim)
        system = gathered.mT @ gathered + gram
        system.diagonal(dim1=1, dim2=2).add_(penalty[block, None])
        right = gathered.sum(1)[:, :, None]
        solved[block] = torch.cholesky_solve(right, torch.linalg.cholesky(system))[:, :, 0]
    return solved
