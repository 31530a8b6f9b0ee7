"""How well a network classifies."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from nasp.metric import Metrics
from nasp.runs.process import processes, rank
from nasp.training.parallel import add_up

TOP = 5


@torch.no_grad()
def judge(
    logits: Callable[[Tensor], Tensor], batches: Iterable[tuple[Tensor, Tensor]], split: str
) -> Metrics:
    """Mean cross-entropy, share of right answers, and share of those with the answer in the top 5.

    Several processes take turns with the batches, and all get the result of all of them.

    Args:
        logits: From normalised images `(batch, 3, height, width)` to `(batch, classes)`.
        batches: The same in all processes.
        split: Prefix of the metrics, `valid` for example.
    """
    sums = torch.zeros(4)
    for position, (images, labels) in enumerate(batches):
        sums = sums.to(images.device)  # of a process without a turn too: all add up there
        if position % processes() == rank():
            found = logits(images).float()
            loss = nn.functional.cross_entropy(found, labels, reduction="sum")
            best = found.topk(min(TOP, found.shape[1])).indices == labels[:, None]
            right, near = best[:, 0].sum(), best.sum()
            # Sums of float32 lose no image below 2²⁴ of them.
            sums += torch.stack([loss, right.to(loss), near.to(loss), loss.new_tensor(len(labels))])
    add_up(sums)
    loss, right, near, count = sums.tolist()
    return {
        f"{split}/loss": loss / count,
        f"{split}/accuracy": right / count,
        f"{split}/top5_accuracy": near / count,
    }
