"""Metrics of image classification."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from nasp.metric import LOSS, Metric, Metrics
from nasp.runs.process import processes, rank
from nasp.training.parallel import sum_over_processes

ACCURACY = Metric("accuracy", larger_is_better=True)
TOP5_ACCURACY = Metric("top5_accuracy", larger_is_better=True, title="top-5 accuracy")


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits, labels, reduction="sum")


def _hits(logits: Tensor, labels: Tensor, among: int) -> Tensor:
    """Count the labels that are among the `among` largest logits; returns a scalar."""
    best = logits.topk(min(among, logits.shape[1])).indices
    return (best == labels[:, None]).sum().to(logits)


VALUES: dict[Metric, Callable[[Tensor, Tensor], Tensor]] = {
    ACCURACY: lambda logits, labels: _hits(logits, labels, 1),
    TOP5_ACCURACY: lambda logits, labels: _hits(logits, labels, 5),
    LOSS: _loss,
}
"""Metrics that are means over images, each with a function for its sum over a batch."""


@torch.no_grad()
def evaluate(
    logits: Callable[[Tensor], Tensor], batches: Iterable[tuple[Tensor, Tensor]], split: str
) -> Metrics:
    """Compute the metrics in `VALUES` of a network.

    Several processes share the batches, and all return the result for all batches.

    Args:
        logits: Maps normalised images `(batch, 3, height, width)` to logits `(batch, classes)`.
        batches: The batches, the same in all processes.
        split: Prefix of the metrics, for example `valid`.
    """
    sums = torch.zeros(len(VALUES) + 1)
    for position, (images, labels) in enumerate(batches):
        sums = sums.to(images.device)  # in all processes, even if one evaluates no batch
        if position % processes() == rank():
            found = logits(images).float()
            # float32 counts exactly up to 2²⁴ images.
            totals = [value(found, labels) for value in VALUES.values()]
            sums += torch.stack([*totals, totals[0].new_tensor(len(labels))])
    sum_over_processes(sums)
    *totals, count = sums.tolist()
    return {
        metric.on(split).name: total / count for metric, total in zip(VALUES, totals, strict=True)
    }
