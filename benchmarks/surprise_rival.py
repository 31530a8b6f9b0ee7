"""The same models by another hand: scikit-surprise's SVD and SVD++ (the extra `rivals`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd

from nasp.errors import NaspError
from sif.data import Splits
from sif.options import SpaceOptions

ALGORITHMS = {"biased_mf": "SVD", "svdpp": "SVDpp"}
"""Names of the library's algorithms, by those of our baselines."""


@dataclass(frozen=True)
class LibraryResult:
    """How well the library did.

    Attributes:
        epochs: The number of epochs that validation chose.
        valid_rmse: In rating units.
        test_rmse: In rating units, ratings of unseen ids included, not clipped to the scale.
    """

    epochs: int
    valid_rmse: float
    test_rmse: float


def train_library(
    name: str,
    splits: Splits,
    options: SpaceOptions | None,
    *,
    dim: int,
    epochs: Sequence[int],
    seed: int,
) -> LibraryResult:
    """Train the library's model on the training ratings; validation chooses the epochs.

    Args:
        name: `biased_mf` or `svdpp`.
        splits: Ratings of users and items.
        options: Our options, translated to the library's units; None keeps the library's own.
        dim: Number of factors.
        epochs: Numbers of epochs to choose from; each is trained from the start.
        seed: Fixes the library's random numbers.

    Raises:
        NaspError: The library is not installed, or has no such model.
    """
    if name not in ALGORITHMS:
        raise NaspError(f"the library has no {name!r}; it has {', '.join(ALGORITHMS)}")
    try:
        import surprise
    except ImportError as error:
        message = "scikit-surprise is not installed: pip install 'scikit-surprise>=1.1.5'"
        raise NaspError(message) from error
    train, valid, test = (part.frame() for part in (splits.train, splits.valid, splits.test))
    ratings = train["rating"]
    reader = surprise.Reader(rating_scale=(ratings.min(), ratings.max()))
    columns = ["user", "item", "rating"]
    trainset = surprise.Dataset.load_from_df(train[columns], reader).build_full_trainset()
    penalty = {} if options is None else _penalty(name, options, dim, float(ratings.std(ddof=0)))

    def trained(count: int) -> LibraryResult:
        model = getattr(surprise, ALGORITHMS[name])(
            n_factors=dim, n_epochs=count, random_state=seed, **penalty
        ).fit(trainset)
        return LibraryResult(count, _rmse(model, valid), _rmse(model, test))

    return min((trained(count) for count in epochs), key=lambda result: result.valid_rmse)


def _penalty(name: str, options: SpaceOptions, dim: int, std: float) -> dict[str, float]:
    """Our penalty in the library's units.

    Our ratings are divided by `std` and our products by √dim, so a factor of ours is (√dim / std)
    to the power of one half of theirs: the penalty on it weighs `std · √dim` times as much there.
    A bias of ours is theirs by std, as the residual is: its weight stays.
    """
    factors = options.weight_decay * std * sqrt(dim)
    weights = {"reg_bu": options.weight_decay, "reg_bi": options.weight_decay}
    weights |= {"reg_pu": factors, "reg_qi": factors}
    return weights | ({"reg_yj": factors} if name == "svdpp" else {})


def _rmse(model: Any, frame: pd.DataFrame) -> float:
    pairs = zip(frame["user"], frame["item"], strict=True)
    predicted = np.array([model.predict(user, item, clip=False).est for user, item in pairs])
    return float(np.sqrt(np.mean((predicted - frame["rating"].to_numpy()) ** 2)))
