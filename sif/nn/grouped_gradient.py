"""The probe of interaction functions, which evaluates many candidates in few large products."""

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

from nasp.core.relaxation import Probes
from sif.nn.operations import OPERATIONS, Function

AT_ONCE = 1 << 24  # numbers of all functions' values in memory at once


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
        parts: Callable[[int], Sequence[Tensor]],
        heads: Tensor,
    ) -> Tensor:
        """Return the inner products of a gradient with all candidates `head_k · f_k(encodings)`.

        Args:
            gradient: Gradient of the loss with respect to the ratings, `(ratings,)`.
            probes: The candidates to evaluate, `(encoder, k)`, and the factor on each; None for
                all, with factor one.
            parts: Returns the encodings of each entity by an encoder, `(ratings, embedding_dim)`;
                called only for encoders that are evaluated.
            heads: Heads of the candidates, `(encoders, candidates, longest width)`.

        Returns:
            `(encoders, candidates)`, zero for candidates that are not evaluated.
        """
        if probes is None:
            stacked = [torch.stack(of) for of in zip(*map(parts, range(len(heads))), strict=True)]
            return self._all.products(gradient, stacked, heads)
        entries = gradient.new_zeros(heads.shape[:2])
        for edge in sorted({edge for edge, _ in probes}):
            asked = sorted(k for e, k in probes if e == edge)
            groups = _Groups(
                [self._candidates[k] for k in asked], lambda f: (len(f.parts), f.operation)
            )
            encodings = [part.unsqueeze(0) for part in parts(edge)]
            (found,) = groups.products(gradient, encodings, heads[edge, asked].unsqueeze(0))
            entries[edge, asked] = found * found.new_tensor([probes[edge, k] for k in asked])
        return entries


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
        """Return the inner products, `(encoders, functions)`, with a head for each."""
        encoders, dim = heads.shape[0], embeddings[0].shape[-1]
        size = max(1, AT_ONCE // (self._total * encoders * dim))
        # One block after the other, so that the memory does not grow with the batch.
        blocks = zip(
            torch.split(gradient, size),
            *(torch.split(part, size, dim=1) for part in embeddings),
            strict=True,
        )
        sums = heads.new_zeros(self._total, encoders, heads.shape[2])
        for part, *encodings in blocks:
            self._add_products(sums, part, encodings)
        own = sums.index_select(0, self._places.to(heads.device))
        return (own.transpose(0, 1) * heads).sum(2)

    def _add_products(self, sums: Tensor, gradient: Tensor, embeddings: Sequence[Tensor]) -> None:
        """Add the inner products of each number of the functions' values."""
        known = dict[Function, Tensor]()

        def value(part: int | Function) -> Tensor:
            return embeddings[part] if isinstance(part, int) else part(embeddings, known)

        start = 0
        for tuples, operations in self._groups:
            columns = [torch.stack([*map(value, c)]) for c in zip(*tuples, strict=True)]
            for operation in operations:
                # (tuples, encoders, width)
                met = gradient.matmul(OPERATIONS[operation](columns))
                sums[start : start + len(tuples), :, : met.shape[2]] += met
                start += len(tuples)
