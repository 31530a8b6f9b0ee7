"""Synthetic ratings with a known interaction function, which a search should find."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nasp.errors import NaspError, nearest
from sif.data.check import check_frame

# Each operation combines two embeddings, `(ratings, embedding_dim)`.
OPERATIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "plus": np.add,
    "multiply": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "concat": lambda u, v: np.concatenate([u, v], axis=1),
}


@dataclass(frozen=True)
class Synthetic:
    """Options of synthetic ratings with a planted interaction function.

    Embeddings are uniform around 0. So a product has no effect of the user or the item alone, plus
    and concat have no other effects, and max and min are in between. With free embeddings and
    heads, plus and concat can express each other, and so can max and min. So a search can only find
    the pair.

    Attributes:
        operation: The operation on embeddings: plus, multiply, max, min or concat.
        users: Number of users.
        items: Number of items.
        ratings: Number of ratings, with distinct pairs of user and item.
        embedding_dim: Length of the true embeddings.
        noise: Standard deviation of the noise, in rating units, which is the smallest possible
            RMSE. The ratings without noise have standard deviation 1.
    """

    operation: str = "multiply"
    users: int = 600
    items: int = 400
    ratings: int = 30_000
    embedding_dim: int = 2
    noise: float = 0.3


def synthetic(options: Synthetic, *, seed: int) -> pd.DataFrame:
    """Make ratings around 3.5 with the planted function, without rounding.

    Args:
        options: The options.
        seed: Determines the ratings.

    Returns:
        Columns `user` and `item` (integers from 0) and `rating`.

    Raises:
        NaspError: The operation is unknown, or a number is out of range.
    """
    if options.operation not in OPERATIONS:
        hint, known = nearest(options.operation, OPERATIONS), ", ".join(OPERATIONS)
        raise NaspError(f"unknown operation {options.operation!r}{hint}; known are {known}")
    counts = (options.users, options.items, options.ratings, options.embedding_dim)
    if min(counts) < 1 or options.noise < 0:
        raise NaspError(f"{options}: counts must be positive, noise not below 0")
    pairs = options.users * options.items
    if options.ratings > pairs:
        raise NaspError(f"{options.ratings} ratings of distinct pairs: there are only {pairs}")
    generator = np.random.default_rng(seed % 2**64)
    user, item = np.divmod(generator.choice(pairs, options.ratings, replace=False), options.items)
    user_embedding = generator.uniform(-1, 1, (options.users, options.embedding_dim))
    item_embedding = generator.uniform(-1, 1, (options.items, options.embedding_dim))
    joined = OPERATIONS[options.operation](user_embedding[user], item_embedding[item])
    head = generator.uniform(0.5, 1.5, joined.shape[1])
    signal = joined @ head
    noise = options.noise * generator.standard_normal(options.ratings)
    rating = 3.5 + (signal - signal.mean()) / signal.std() + noise
    frame = pd.DataFrame({"user": user, "item": item, "rating": rating})
    check_frame(frame, "the synthetic ratings")
    return frame
