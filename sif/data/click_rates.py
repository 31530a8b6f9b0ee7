"""Trivial models of clicks: the global rate, items' rates, and biases of all ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from sif.data.click_data import ClickData, Clicks
from sif.data.rating_tensors import offsets

TRIVIAL = {"global_mean": "global mean", "popularity": "popularity", "biases": "biases"}
"""The names of the models, and those for people."""
DAMPINGS = (1.0, 10.0)
SWEEPS = 6
CHUNK = 1 << 16  # rows that are processed at once, few enough for the processor's cache


@dataclass(frozen=True)
class ClickRates:
    """Models that know no interaction, which every other model must beat.

    Attributes:
        mean: Logit of the share of clicks among the training rows.
        items: Logit of each row of the second field, the items: the share of clicks, with one
            further row of the global share for each; `(items + 1,)`.
        biases: Logistic regression on all ids: what each table row adds to `mean`, `(table rows,)`.
        damping: Of the biases, which validation chose.
    """

    mean: float
    items: Tensor
    biases: Tensor
    damping: float = DAMPINGS[0]

    @classmethod
    def fit(cls, data: ClickData, dampings: Sequence[float] = DAMPINGS) -> Self:
        """Fit on training rows. Validation selects the damping of the biases, if there are several.

        Args:
            data: The rows.
            dampings: The dampings to try.
        """
        train, sizes = data.train, data.sizes
        share = train.labels.double().mean().float()
        at = _items(train.rows, sizes)
        counts = torch.bincount(at, minlength=sizes[1])
        clicks = torch.bincount(at, weights=train.labels, minlength=sizes[1])
        items = torch.logit((clicks.float() + share) / (counts + 1))
        mean = float(torch.logit(share))

        def loss(fitted: tuple[float, Tensor]) -> float:
            logits = mean + _sum(fitted[1], data.valid.rows)
            return float(functional.binary_cross_entropy_with_logits(logits, data.valid.labels))

        tried = ((damping, fit_biases(train, sizes, mean, damping)) for damping in dampings)
        damping, biases = min(tried, key=loss)
        return cls(mean, items.cpu(), biases.cpu(), damping)

    def logits(self, name: str, rows: Tensor, sizes: tuple[int, ...]) -> Tensor:
        """Return a model's logits `(rows,)`, on the CPU.

        Args:
            name: A name in `TRIVIAL`.
            rows: Table rows, `(fields, rows)`.
            sizes: Number of table rows of each field.
        """
        rows = rows.cpu()
        if name == "global_mean":
            return torch.full((rows.shape[1],), self.mean)
        if name == "popularity":
            return self.items[_items(rows, sizes)]
        return self.mean + _sum(self.biases, rows)


def fit_biases(train: Clicks, sizes: tuple[int, ...], mean: float, damping: float) -> Tensor:
    """Fit a logistic regression on ids by Newton steps that alternate over the fields.

    The Hessian of one field's biases is diagonal, so a step takes two sums over the rows.

    Args:
        train: The training rows.
        sizes: Number of table rows of each field.
        mean: Logit that biases are added to.
        damping: Weight of the L2 penalty on biases, times two.

    Returns:
        The bias of each table row, `(table rows,)`, zero for rows without training data.
    """
    biases = torch.zeros(sum(sizes), device=train.labels.device)
    logits = torch.full_like(train.labels, mean)
    for _ in range(SWEEPS):
        for rows, start, size in zip(train.rows, offsets(sizes).tolist(), sizes, strict=True):
            own = biases[start : start + size]
            slope, curvature = -damping * own, torch.full_like(own, damping)
            parts = [torch.split(tensor, CHUNK) for tensor in (rows, logits, train.labels)]
            for row, logit, label in zip(*parts, strict=True):
                predicted = logit.sigmoid()
                slope.index_add_(0, row - start, label - predicted)
                curvature.index_add_(0, row - start, predicted * (1 - predicted))
            step = slope / curvature
            own += step
            for row, logit in zip(*parts[:2], strict=True):
                logit += step.index_select(0, row - start)
    return biases


def _items(rows: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Return the position of each row's item among the rows of the second field."""
    return rows[1].long() - sizes[0]


def _sum(biases: Tensor, rows: Tensor) -> Tensor:
    total = torch.zeros(rows.shape[1], device=biases.device)
    for part, at in zip(torch.split(total, CHUNK), torch.split(rows, CHUNK, dim=1), strict=True):
        part += biases.index_select(0, at.flatten()).view(at.shape).sum(0)
    return total
