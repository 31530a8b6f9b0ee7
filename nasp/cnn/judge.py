"""How well a network classifies."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from nasp.core.metrics import Metrics
from nasp.core.parallel import add_up, processes, rank


@torch.no_grad()
def judge(
    logits: Callable[[Tensor], Tensor], batches: Iterable[tuple[Tensor, Tensor]], split: str
) -> Metrics:
    """Mean cross-entropy and share of right answers.

    Several processes take turns with the batches, and all get the result of all of them.

    Args:
        logits: From normalised images `(batch, 3, height, width)` to `(batch, classes)`.
        batches: The same in all processes.
        split: Prefix of the metrics, `valid` for example.
    """
    sums = None
    for position, (images, labels) in enumerate(batches):
        if position % processes() == rank():
            found = logits(images).float()
            loss = nn.functional.cross_entropy(found, labels, reduction="sum")
            right = (found.argmax(1) == labels).sum()
            # Sums of float32 lose no image below 2²⁴ of them.
            part = torch.stack([loss, right.to(loss), loss.new_tensor(len(labels))])
            sums = part if sums is None else sums + part
    if sums is None:
        sums = torch.zeros(3)
    add_up(sums)
    loss, right, count = sums.tolist()
    return {f"{split}/loss": loss / count, f"{split}/accuracy": right / count}
