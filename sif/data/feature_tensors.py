"""Side features as a sparse matrix over the rows of an embedding table."""

from collections.abc import Sequence

import torch

from sif.data.features import Features
from sif.data.rating_tensors import offsets
from sif.nn.graph import Propagation


def table_features(
    features: Sequence[Features | None], sizes: tuple[int, ...]
) -> Propagation | None:
    """Return the features of all rows of an embedding table; None if there are none.

    Args:
        features: Those of each entity; None for an entity without any.
        sizes: Number of table rows of each entity; ids come first.
    """
    parts, column = [], 0
    for found, first in zip(features, offsets(sizes).tolist(), strict=True):
        if found is not None:
            rows, columns, values = map(torch.from_numpy, found.entries())
            parts.append((rows + first, columns + column, values))
            column += found.matrix.shape[1]
    if not parts:
        return None
    rows, columns, values = (torch.cat(part) for part in zip(*parts, strict=True))
    return Propagation(rows, columns, values, (sum(sizes), column))
