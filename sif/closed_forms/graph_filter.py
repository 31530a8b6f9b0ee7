"""A linear filter of the graph of users and items, in the family of GF-CF, LinkProp and BSPM."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from scipy import sparse
from sklearn.utils.extmath import randomized_svd
from torch import Tensor

from nasp.cli.option_checks import check_not_negative, check_positive, check_types
from sif.closed_forms.base import SHARE, Bound, ClosedForm, matrix_of, powers
from sif.user_items import UserItems

POWER_ITERATIONS = 3  # of the randomised SVD


@dataclass
class GraphFilterOptions:
    """Options of the graph filter.

    Attributes:
        user_exponent: A user with n items has rows scaled by n^-user_exponent in the graph.
        item_exponent: An item with n users has columns scaled by n^-item_exponent in the graph.
        input_exponent: An item counts n^-input_exponent in the list that is scored.
        output_exponent: An item's score is multiplied by n^output_exponent.
        rank: Number of singular vectors, the first ones, that `low_pass` and `sharpen` apply to.
        low_pass: Weight of the ideal low-pass filter, which passes the singular vectors
            equally (GF-CF).
        sharpen: Step of the sharpening of the result, which lowers the response of the largest
            singular values (BSPM).
    """

    user_exponent: float = 0.35
    item_exponent: float = 0.5
    input_exponent: float = 0.2
    output_exponent: float = 0.2
    rank: int = 256
    low_pass: float = 0.1
    sharpen: float = 0.5

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "rank")
        check_not_negative(self, "low_pass", "sharpen")


class GraphFilter(ClosedForm):
    """Scores `r D^-p h(GᵀG) D^q` for a list's row r, with D the items' numbers of users.

    G is the matrix of the training pairs, rows and columns scaled by powers of their counts, and
    divided by its largest singular value. The response is `h(s²) = s²`, one step from items to
    users and back, but `h(s²) = (s² + low_pass)(1 − sharpen s²)` for the first `rank` singular
    values. So no matrix of items × items is needed.

    Shen et al., CIKM 2021 (GF-CF); Fu et al., WSDM 2022 (LinkProp); Choi et al., SIGIR 2023 (BSPM).
    """

    Options = GraphFilterOptions
    options: GraphFilterOptions
    bounds: ClassVar[Mapping[str, Bound]] = {
        "user_exponent": SHARE,
        "item_exponent": SHARE,
        "input_exponent": Bound(-0.5, 0.5),
        "output_exponent": Bound(-0.5, 0.5),
        "rank": Bound(16, 512, log=True),
        "low_pass": Bound(0.0, 0.5),
        "sharpen": SHARE,
    }

    def __init__(self, options: GraphFilterOptions, tensors: Mapping[str, Tensor]) -> None:
        super().__init__(options, tensors)
        starts, items, counts, values, vectors = (
            self.tensors[name] for name in ("starts", "items", "counts", "values", "vectors")
        )
        # A quotient of a sparse matrix would be float64.
        graph = scaled_graph(UserItems.checked(starts, items, len(counts)), options) * float(
            1 / values[0]
        )
        before = sparse.diags_array(powers(counts, -options.input_exponent))
        after = sparse.diags_array(powers(counts, options.output_exponent))
        self.to_users = (before @ graph.T).tocsr()
        self.to_items = (graph @ after).tocsr()
        power = (values / values[0]).square()
        change = (power + options.low_pass) * (1 - options.sharpen * power) - power
        self.to_subspace = before @ (vectors * change).numpy()
        self.from_subspace = (after @ vectors.numpy()).T

    @classmethod
    def solve(
        cls, pairs: UserItems, options: GraphFilterOptions, generator: torch.Generator
    ) -> dict[str, Tensor]:
        _, values, vectors = randomized_svd(
            scaled_graph(pairs, options),
            min(options.rank, *pairs.shape),
            n_iter=POWER_ITERATIONS,
            power_iteration_normalizer="LU",
            random_state=int(torch.randint(1 << 31, (), generator=generator)),
        )
        return {
            "starts": pairs.starts,
            "items": pairs.items,
            "counts": pairs.popularity(),
            "values": torch.from_numpy(values.copy()),
            "vectors": torch.from_numpy(vectors.T.copy()),
        }

    def score_lists(self, lists: UserItems) -> Tensor:
        rows = matrix_of(lists)
        scores = (rows @ self.to_users).toarray() @ self.to_items
        return torch.from_numpy(scores + (rows @ self.to_subspace) @ self.from_subspace)


def scaled_graph(pairs: UserItems, options: GraphFilterOptions) -> sparse.csr_array:
    """Return the scaled matrix of the pairs, users × items."""
    rows = sparse.diags_array(powers(pairs.counts(), -options.user_exponent))
    columns = sparse.diags_array(powers(pairs.popularity(), -options.item_exponent))
    return (rows @ matrix_of(pairs) @ columns).tocsr()
