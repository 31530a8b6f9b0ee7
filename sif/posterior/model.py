"""The average of the predictions of samples from a posterior."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate

import torch
from torch import Tensor, nn

from sif.nn.operations import OPERATIONS, Function, functions
from sif.posterior.gibbs import Interaction

TOGETHER = 1 << 24  # numbers that are looked up at once, to bound the memory
BLOCK = "samples_{}"
FEATURES = "features_{}"


class PosteriorAverage(nn.Module):
    """Predicts by the average over samples.

    Args:
        terms: The encoder and the function of each term.
        sizes: Number of users, items, ...
        samples: Samples of the rows of each term's encoding of each entity, those of the first term
            first: `(samples, ids + 1, embedding_dim + 1)`. The last column is a bias, and the last
            row stands for ids that are not known. With sessions, there is one more tensor for each
            term, whose rows are added to the user's.
        features: Samples of the weights of side features, `(samples, features, embedding_dim + 1)`,
            by the position of the tensor whose rows they explain. Predictions do not use them.

    Attributes:
        has_sessions: Whether there are sessions.
    """

    def __init__(
        self,
        terms: Sequence[tuple[str, str]],
        sizes: Sequence[int],
        samples: Sequence[Tensor],
        features: Mapping[int, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self._interaction = interaction_of(terms, len(sizes))
        self._offsets = [0, *accumulate(sizes[:-1])]
        self.has_sessions = len(samples) > len(terms) * len(sizes)
        for number, values in enumerate(samples):
            self.register_buffer(BLOCK.format(number), values)
        for number, weights in (features or {}).items():
            self.register_buffer(FEATURES.format(number), weights)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the standard deviation over samples of standardised predictions.

        Args:
            rows: Table rows, `(entities, ratings)`; with sessions, also their positions, as the
                last row. Without that row, all sessions are unknown.

        Returns:
            Two tensors `(ratings,)`. The deviation is that of the prediction; a rating has noise
            besides.
        """
        samples, entities = self.samples(), len(self._offsets)
        firsts = zip(rows[:entities], self._offsets, strict=True)
        positions = [part - first for part, first in firsts]
        if self.has_sessions:
            unknown = torch.full_like(positions[0], samples[entities].shape[1] - 1)
            positions.append(rows[entities] if len(rows) > entities else unknown)
        count, _, width = samples[0].shape
        step = max(1, TOGETHER // (len(samples) * width * max(1, rows.shape[1])))
        total = torch.zeros(rows.shape[1], dtype=torch.float64)
        squares = torch.zeros_like(total)
        for start in range(0, count, step):
            part = [values[start : start + step] for values in samples]
            found = self._each(part, positions).double().cpu()
            total += found.sum(0)
            squares += found.square().sum(0)
        mean = total / count
        deviation = (squares / count - mean.square()).clamp_(min=0).sqrt()
        return mean.float().to(rows.device), deviation.float().to(rows.device)

    def samples(self) -> list[Tensor]:
        """Return the samples of each term's encoding of each entity."""
        return parts_of(dict(self.named_buffers()))[0]

    def places_of(self, entity: int) -> range:
        """Return the positions of an entity's tensors among `samples`, one for each term."""
        return range(entity, len(self.samples()), len(self._offsets) + self.has_sessions)

    def encodings(self) -> list[Tensor]:
        """Return the mean over samples of each entity's encodings, `(ids, terms · dim)`."""
        samples = self.samples()
        return [
            torch.cat([samples[n][:, :-1, :-1].mean(0) for n in self.places_of(entity)], dim=1)
            for entity in range(len(self._offsets))
        ]

    def predictor(self) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Return `forward`, as models of one set of weights do with theirs."""
        return self

    def size(self) -> int:
        """Number of parameters of all samples."""
        return sum(values.numel() for values in self.buffers())

    def _each(self, samples: Sequence[Tensor], positions: Sequence[Tensor]) -> Tensor:
        """Return the predictions of some samples, `(samples, ratings)`."""
        rows = [
            values.index_select(1, positions[block % len(positions)])
            for block, values in enumerate(samples)
        ]
        biases = torch.stack([found[..., -1] for found in rows]).sum(0)
        encodings = list[Tensor]()
        for first in range(0, len(rows), len(positions)):
            user, *others = rows[first : first + len(positions)]
            if self.has_sessions:
                user = user + others.pop()
            encodings += [found[..., :-1] for found in (user, *others)]
        return self._interaction(encodings) + biases


def has_samples(state: Mapping[str, Tensor]) -> bool:
    """Whether a state is that of a `PosteriorAverage`."""
    return BLOCK.format(0) in state


def parts_of(state: Mapping[str, Tensor]) -> tuple[list[Tensor], dict[int, Tensor]]:
    """Return the samples, and those of the weights of features, in a `PosteriorAverage`'s state."""
    samples = [values for name, values in state.items() if name.startswith(BLOCK.format(""))]
    prefix = FEATURES.format("")
    named = ((name, values) for name, values in state.items() if name.startswith(prefix))
    return samples, {int(name.removeprefix(prefix)): values for name, values in named}


def is_multilinear(function: "Function | int") -> bool:
    """Whether a function is linear in each entity's encoding."""
    return isinstance(function, int) or (
        OPERATIONS[function.operation].multilinear and all(map(is_multilinear, function.parts))
    )


def has_product(function: "Function | int") -> bool:
    """Whether a function multiplies encodings."""
    return not isinstance(function, int) and (
        function.operation == "multiply" or any(map(has_product, function.parts))
    )


def interaction_of(terms: Sequence[tuple[str, str]], entities: int) -> Interaction:
    """Return the sum of functions, without their heads, which multilinear functions do not need.

    Args:
        terms: The encoder and the function of each term.
        entities: Number of entities.

    Returns:
        A function of the encodings of each entity for the first term, then for the second, ...
    """
    known = functions(entities)
    return partial(_sum, [known[name] for _, name in terms], entities)


def _sum(terms: Sequence[Function], entities: int, encodings: Sequence[Tensor]) -> Tensor:
    values = [
        function(encodings[n * entities : (n + 1) * entities]).sum(-1)
        for n, function in enumerate(terms)
    ]
    return torch.stack(values).sum(0)
