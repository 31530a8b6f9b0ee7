"""`FunctionRanker`: a trained interaction function as a ranker of items."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from nasp.core.relaxation import Relaxation
from nasp.errors import check_known
from sif.closed_forms.base import Ranker, matrix_of
from sif.evaluation.ranking import Scorer
from sif.nn.all_pairs import score_all
from sif.nn.operations import Function, functions
from sif.nn.ranking_space import RankingSpace
from sif.user_items import UserItems

NEIGHBOURS = 50  # similar users whose encodings make that of a new list


@dataclass
class FunctionOptions:
    """Options of a trained function.

    Attributes:
        terms: The name of each term's function, in `sif.nn.operations.functions(2)`.
    """

    terms: tuple[str, ...] = ("multiply",)

    def __post_init__(self) -> None:
        for name in self.terms:
            check_known("function", name, functions(2))


class Term(NamedTuple):
    """A term of a function.

    Attributes:
        function: Joins the encodings of a user and an item.
        users: Encodings of users, `(users, embedding_dim)`.
        items: Encodings of items, `(items, embedding_dim)`.
        head: The linear head, `(width,)`.
    """

    function: Function
    users: Tensor
    items: Tensor
    head: Tensor


PARTS = ("users", "items", "head")


class FunctionRanker(Ranker):
    """Scores `Σ head · f(user, item)` over the terms of a function, plus the item's bias.

    A known user has an encoding of its own. The encoding of a new list is the weighted mean of
    those of the known users who are most similar, by the cosine of their lists, where an item of n
    users counts 1/n. So new lists need no training, whatever the encoder is.
    """

    Options = FunctionOptions
    options: FunctionOptions

    def __init__(self, options: FunctionOptions, tensors: Mapping[str, Tensor]) -> None:
        super().__init__(options, tensors)
        known = functions(2)
        self.terms = [
            Term(known[name], *(self.tensors[f"{part}_{number}"] for part in PARTS))
            for number, name in enumerate(options.terms)
        ]
        biases = self.tensors["biases"]
        pairs = UserItems.checked(self.tensors["starts"], self.tensors["items"], len(biases))
        counts = pairs.popularity().clamp(min=1).sqrt().numpy()
        self._lists = sparse.diags_array((1 / counts).astype(np.float32))
        self._known = _normalised(matrix_of(pairs) @ self._lists)

    @classmethod
    def of(
        cls, space: RankingSpace, pairs: UserItems, relaxation: Relaxation | None = None
    ) -> "FunctionRanker":
        """Make the ranker of a space's weights.

        Args:
            space: The space, or the stand-alone network of a genotype.
            pairs: The training pairs.
            relaxation: A discrete relaxation; None for the terms of a stand-alone network.
        """
        terms = space.terms(relaxation)
        tensors = {
            f"{part}_{number}": value.detach().cpu().contiguous()
            for number, (_, *values) in enumerate(terms)
            for part, value in zip(PARTS, values, strict=True)
        }
        tensors["biases"] = space.item_biases().cpu()
        tensors["starts"], tensors["items"] = pairs.starts, pairs.items
        return cls(FunctionOptions(tuple(name for name, *_ in terms)), tensors)

    def scorer(self, pairs: UserItems) -> Scorer:
        return lambda users: self._score([term.users[users] for term in self.terms])

    def score_lists(self, lists: UserItems) -> Tensor:
        similar = (_normalised(matrix_of(lists) @ self._lists) @ self._known.T).toarray()
        count = min(NEIGHBOURS, similar.shape[1])
        values, nearest = torch.from_numpy(similar).topk(count, dim=1)
        weights = values / values.sum(1, keepdim=True).clamp(min=1e-12)
        return self._score(
            [(weights.unsqueeze(2) * term.users[nearest]).sum(1) for term in self.terms]
        )

    @torch.no_grad()
    def _score(self, users: list[Tensor]) -> Tensor:
        """Score all items for encodings of users, one `(users, embedding_dim)` for each term."""
        scores = self.tensors["biases"].expand(len(users[0]), -1)
        for user, (function, _, items, head) in zip(users, self.terms, strict=True):
            scores = scores + score_all(function, user, items, head)
        return scores


def _normalised(rows: sparse.csr_array) -> sparse.csr_array:
    """Return rows of length 1, or 0 where they are empty."""
    norms = np.sqrt(rows.multiply(rows).sum(axis=1))
    scaled = sparse.diags_array((1 / np.maximum(norms, 1e-12)).astype(np.float32)) @ rows
    return scaled.tocsr()
