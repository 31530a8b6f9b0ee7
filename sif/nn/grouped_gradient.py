"""⟨gradient, candidate⟩ of many interaction functions at once, in few large products."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sif.nn.operations import OPERATIONS, Function


class GroupedProbe:
    """Evaluates functions together that end in operations on equally many parts.

    Each inner function is evaluated once; each final operation runs on all tuples of parts that
    occur, stacked. The few values that no candidate asked for cost less than stacks of their own.

    Args:
        candidates: The functions.
    """

    def __init__(self, candidates: Sequence[Function]) -> None:
        self._groups: dict[int, tuple[dict[tuple[int | Function, ...], None], dict[str, None]]] = {}
        for function in candidates:  # dictionaries as ordered sets
            tuples, operations = self._groups.setdefault(len(function.parts), ({}, {}))
            tuples[function.parts] = operations[function.operation] = None
        place: dict[tuple[str, tuple[int | Function, ...]], int] = {}
        for tuples, operations in self._groups.values():
            for operation in operations:
                for parts in tuples:
                    place[operation, parts] = len(place)
        self._total = len(place)
        self._places = torch.tensor([place[f.operation, f.parts] for f in candidates])

    def __call__(self, gradient: Tensor, embeddings: Sequence[Tensor], heads: Tensor) -> Tensor:
        """Inner products of a gradient with `head_k · f_k(embeddings)` for each candidate k.

        Args:
            gradient: Of the loss by the ratings, `(ratings,)`.
            embeddings: `(ratings, embedding_dim)` for each entity.
            heads: `(candidates, longest width)`.

        Returns:
            `(1, candidates)`.
        """
        known = dict[Function, Tensor]()

        def value(part: int | Function) -> Tensor:
            return embeddings[part] if isinstance(part, int) else part(embeddings, known)

        sums = heads.new_zeros(self._total, heads.shape[1])
        start = 0
        for tuples, operations in self._groups.values():
            columns = [torch.stack([*map(value, c)]) for c in zip(*tuples, strict=True)]
            for operation in operations:
                met = gradient.matmul(OPERATIONS[operation](columns))  # (tuples, width)
                sums[start : start + len(tuples), : met.shape[1]] = met
                start += len(tuples)
        return (sums.index_select(0, self._places.to(heads.device)) * heads).sum(1).unsqueeze(0)
