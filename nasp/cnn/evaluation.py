"""How well a network classifies."""

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
    """How many labels are among the largest logits, a scalar."""
    best = logits.topk(min(among, logits.shape[1])).indices
    return (best == labels[:, None]).sum().to(logits)


VALUES: dict[Metric, Callable[[Tensor, Tensor], Tensor]] = {
    ACCURACY: lambda logits, labels: _hits(logits, labels, 1),
    TOP5_ACCURACY: lambda logits, labels: _hits(logits, labels, 5),
    LOSS: _loss,
}
"""Metrics that are means over images: of each its sum over a batch, from logits and labels."""


@torch.no_grad()
def evaluate(
    logits: Callable[[Tensor], Tensor], batches: Iterable[tuple[Tensor, Tensor]], split: str
) -> Metrics:
    """The metrics in `VALUES` of a network.

    Several processes take turns with the batches, and all get the result of all of them.

    Args:
        logits: From normalised images `(batch, 3, height, width)` to `(batch, classes)`.
        batches: The same in all processes.
        split: Prefix of the metrics, `valid` for example.
    """
    sums = torch.zeros(len(VALUES) + 1)
    for position, (images, labels) in enumerate(batches):
        sums = sums.to(images.device)  # of a process without a turn too: all add up there
        if position % processes() == rank():
            found = logits(images).float()
            # Sums of float32 lose no image below 2²⁴ of them.
            totals = [value(found, labels) for value in VALUES.values()]
            sums += torch.stack([*totals, totals[0].new_tensor(len(labels))])
    sum_over_processes(sums)
    *totals, count = sums.tolist()
    return {
        metric.on(split).name: total / count for metric, total in zip(VALUES, totals, strict=True)
    }
