"""Batch normalisation over the whole batch, however many processes share it."""

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as shared
from torch import Tensor, nn

from nasp.core.parallel import processes


class BatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d`, whose statistics in training are of the batch of all processes.

    torch's own `SyncBatchNorm` needs CUDA; this one has what gloo and NCCL both offer. With one
    process it is `nn.BatchNorm2d`. Images `(batch, channels, height, width)`, the same out.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or processes() == 1:
            return super().forward(input)
        count = input.numel() // self.num_features * processes()
        x = input.float()  # half precision would lose the small variances
        sums = torch.stack([x.sum((0, 2, 3)), x.square().sum((0, 2, 3))])
        total: Tensor = shared.all_reduce(sums, dist.ReduceOp.SUM)  # type: ignore[no-untyped-call]
        mean, square = total / count
        variance = (square - mean.square()).clamp(min=0.0)
        self._follow(mean.detach(), variance.detach() * count / max(count - 1, 1))
        scale = (variance + self.eps).rsqrt()
        shift = -mean * scale
        if self.affine:
            scale, shift = scale * self.weight, shift * self.weight + self.bias
        output: Tensor = x * scale[:, None, None] + shift[:, None, None]
        return output.to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
