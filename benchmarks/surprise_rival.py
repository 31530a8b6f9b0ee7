"""The same models in another library: scikit-surprise's SVD and SVD++ (the extra `rivals`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd

from nasp.errors import NaspError
from sif.data import Splits
from sif.options import SpaceOptions

ALGORITHMS = {"fm": "SVD", "svdpp": "SVDpp"}
"""The library's algorithms by the names of our baselines."""


@dataclass(frozen=True)
class LibraryResult:
    """The result of the library's training.

    Attributes:
        epochs: The number of epochs that validation selected.
        valid_rmse: Validation RMSE in rating units.
        test_rmse: Test RMSE in rating units, including ratings of unseen ids, without clipping.
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
    """Train the library's model, with the number of epochs selected by validation.

    Args:
        name: `fm`, which the library calls SVD, or `svdpp`.
        splits: Ratings of users and items.
        options: Our options, converted to the library's units; None uses the library's defaults.
        dim: Number of factors.
        epochs: Numbers of epochs to select from; the model is trained from scratch for each.
        seed: Seed of the library.

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
    """Return our penalty in the library's units.

    We divide ratings by `std` and products by √dim. So our factors are theirs times (√dim / std)
    to the power of one half, and the same penalty has a weight `std · √dim` times as large in
    their units. Our biases and residuals are theirs divided by `std`, so the weight for biases
    stays the same.
    """
    factors = options.weight_decay * std * sqrt(dim)
    weights = {"reg_bu": options.weight_decay, "reg_bi": options.weight_decay}
    weights |= {"reg_pu": factors, "reg_qi": factors}
    return weights | ({"reg_yj": factors} if name == "svdpp" else {})


def _rmse(model: Any, frame: pd.DataFrame) -> float:
    pairs = zip(frame["user"], frame["item"], strict=True)
    predicted = np.array([model.predict(user, item, clip=False).est for user, item in pairs])
    return float(np.sqrt(np.mean((predicted - frame["rating"].to_numpy()) ** 2)))
