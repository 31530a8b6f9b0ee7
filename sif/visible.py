"""What a search may see of a table of ratings."""

from dataclasses import dataclass
from typing import Self

import pandas as pd
import torch
from torch import Tensor

from sif.baselines.bias import fit_biases
from sif.data import Encoder, Table
from sif.prepared import Ratings, Scale


@dataclass(frozen=True)
class Data:
    """What a search may see: training and validation ratings, never test ratings.

    Attributes:
        encoder: Ids of the training split.
        scale: Mean and deviation of the training split.
        biases: The trivial model, a standardised bias for each table row; it predicts ratings of
            unseen ids.
        train: Ratings that weights are trained on.
        valid: Ratings that architectures are trained, and chosen, on.
    """

    encoder: Encoder
    scale: Scale
    biases: Tensor
    train: Ratings
    valid: Ratings

    @classmethod
    def of(
        cls,
        train: Table | pd.DataFrame,
        valid: Table | pd.DataFrame,
        device: torch.device | str = "cpu",
    ) -> Self:
        """Encode and standardise checked ratings by the training split."""
        train, valid = Table.of(train), Table.of(valid)
        encoder, scale = Encoder.fit(train), Scale.fit(train.ratings)
        fit_on = Ratings.of(train, encoder, scale, device=device)
        checked_on = Ratings.of(valid, encoder, scale, device=device)
        biases = fit_biases(fit_on, checked_on, sum(encoder.sizes), scale)
        if len(checked_on.unseen):
            checked_on = Ratings.of(valid, encoder, scale, biases, device)
        return cls(encoder, scale, biases, fit_on, checked_on)

    def judge(self, ratings: Table | pd.DataFrame) -> Ratings:
        """Encode checked ratings that were kept apart, test ratings for example."""
        table, device = Table.of(ratings), self.train.ratings.device
        return Ratings.of(table, self.encoder, self.scale, self.biases, device)
