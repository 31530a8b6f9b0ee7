"""The probe of interaction functions, which evaluates many candidates in few large products."""

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

from nasp.core.relaxation import Probes
from sif.nn.operations import OPERATIONS, Function


class GroupedProbe:
    """The `nasp.core.relaxation.Probe` of an interaction with many candidate functions.

    Args:
        candidates: The functions.
    """

    def __init__(self, candidates: Sequence[Function]) -> None:
        self._candidates = tuple(candidates)
        # If all are evaluated, most operations are applied to most parts. So it is cheaper to apply
        # all operations to all parts than to stack parts for each. Ordered operations are separate.
        self._all = _Groups(
            self._candidates,
            lambda f: (len(f.parts), f.operation if OPERATIONS[f.operation].ordered else ""),
        )

    def __call__(
        self,
        gradient: Tensor,
        probes: Probes | None,
        embeddings: Sequence[Tensor],
        heads: Tensor,
    ) -> Tensor:
        """Return the inner products of a gradient with all candidates `head_k · f_k(embeddings)`.

        Args:
            gradient: Gradient of the loss with respect to the ratings, `(ratings,)`.
            probes: The candidates to evaluate, `(0, k)`, and the factor on each; None for all with
                factor one.
            embeddings: Embeddings of each entity, `(ratings, embedding_dim)`.
            heads: Heads of the candidates, `(candidates, longest width)`.

        Returns:
            `(1, candidates)`, zero for candidates that are not evaluated.
        """
        if probes is None:
            return self._all.products(gradient, embeddings, heads).unsqueeze(0)
        asked = sorted(k for _, k in probes)
        groups = _Groups(
            [self._candidates[k] for k in asked], lambda f: (len(f.parts), f.operation)
        )
        positions = torch.tensor(asked, device=heads.device)
        found = groups.products(gradient, embeddings, heads.index_select(0, positions))
        found *= found.new_tensor([probes[0, k] for k in asked])
        entries = found.new_zeros(len(self._candidates))
        return entries.index_copy_(0, positions, found).unsqueeze(0)


class _Groups:
    """Evaluates functions in groups whose last operations have the same number of operands.

    Each inner function is evaluated once. Each last operation of a group runs once, on all tuples
    of operands in the group, stacked.

    Args:
        functions: The functions to evaluate.
        group: Returns the group of a function. All functions of a group have the same number of
            operands.
    """

    def __init__(
        self, functions: Sequence[Function], group: Callable[[Function], Hashable]
    ) -> None:
        groups: dict[Hashable, tuple[dict[tuple[int | Function, ...], None], dict[str, None]]] = {}
        for function in functions:  # dictionaries as ordered sets
            tuples, operations = groups.setdefault(group(function), ({}, {}))
            tuples[function.parts] = operations[function.operation] = None
        place: dict[tuple[str, tuple[int | Function, ...]], int] = {}
        for tuples, operations in groups.values():
            for operation in operations:
                for parts in tuples:
                    place[operation, parts] = len(place)
        self._groups = list(groups.values())
        self._total = len(place)
        self._places = torch.tensor([place[f.operation, f.parts] for f in functions])

    def products(self, gradient: Tensor, embeddings: Sequence[Tensor], heads: Tensor) -> Tensor:
        """Return the inner products, `(functions,)`, given a row of `heads` for each function."""
        known = dict[Function, Tensor]()

        def value(part: int | Function) -> Tensor:
            return embeddings[part] if isinstance(part, int) else part(embeddings, known)

        sums = heads.new_zeros(self._total, heads.shape[1])
        start = 0
        for tuples, operations in self._groups:
            columns = [torch.stack([*map(value, c)]) for c in zip(*tuples, strict=True)]
            for operation in operations:
                met = gradient.matmul(OPERATIONS[operation](columns))  # (tuples, width)
                sums[start : start + len(tuples), : met.shape[1]] = met
                start += len(tuples)
        return (sums.index_select(0, self._places.to(heads.device)) * heads).sum(1)
