"""Ratings made by a known interaction function: a search has to find it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nasp.errors import NaspError, nearest
from sif.data.check import check_frame

# Each joins two embeddings, `(ratings, embedding_dim)`.
OPERATIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "plus": np.add,
    "multiply": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "concat": lambda u, v: np.concatenate([u, v], axis=1),
}


@dataclass(frozen=True)
class Synthetic:
    """Made-up ratings with a planted interaction function.

    Embeddings are uniform around 0, so a product has no effect of the user or the item alone, while
    plus and concat have nothing else; max and min are in between. With free embeddings and heads,
    plus and concat can express each other, and so can max and min: a search finds the pair.

    Attributes:
        operation: How embeddings meet: plus, multiply, max, min or concat.
        users: Number of users.
        items: Number of items.
        ratings: Number of ratings, each of another pair of user and item.
        embedding_dim: Length of the true embeddings.
        noise: Standard deviation of the noise, in rating units (the noiseless ratings have 1): the
            best RMSE there can be.
    """

    operation: str = "multiply"
    users: int = 600
    items: int = 400
    ratings: int = 30_000
    embedding_dim: int = 2
    noise: float = 0.3


def synthetic(options: Synthetic, *, seed: int) -> pd.DataFrame:
    """Make ratings around 3.5 by the planted function, not rounded.

    Args:
        options: What to plant, and how many users, items and ratings.
        seed: Fixes the ratings.

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
