"""Batch normalisation over the whole batch, however many processes share it."""

from typing import Any

import torch
from torch import Tensor, nn

from nasp.errors import NaspError
from nasp.runs.process import processes, rank
from nasp.training.parallel import sum_over_processes


class BatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d`, whose statistics in training are of the batch of all processes.

    torch's own `SyncBatchNorm` needs CUDA; this one has what gloo and NCCL both offer. With one
    process it is `nn.BatchNorm2d`. Images `(batch, channels, height, width)`, the same out.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise.

        Raises:
            NaspError: In training, a channel has only one number.
        """
        count = input.numel() // self.num_features * processes()
        if self.training and count == 1:
            raise NaspError("a batch of one image of one pixel has no deviation: a batch_size of 2")
        if not self.training or processes() == 1:
            return super().forward(input)
        # Half precision would lose the small variances.
        x = input.to(torch.promote_types(input.dtype, torch.float32))
        mean, variance = self._statistics(x)
        self._follow(mean.detach(), variance.detach() * count / (count - 1))
        scale = (variance + self.eps).rsqrt()
        if self.affine:
            scale = scale * self.weight
        output = (x - mean[:, None, None]) * scale[:, None, None]
        if self.affine:
            output = output + self.bias[:, None, None]
        return output.to(input.dtype)

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance of the whole batch, `(channels,)` each, in one exchange.

        Those of the parts are exchanged, not sums of squares, which lose a variance that is small
        beside the mean.
        """
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        own = torch.stack([mean, variance])
        parts = torch.stack([own * (part == rank()) for part in range(processes())])
        gathered: Tensor = _Sum.apply(parts)  # type: ignore[no-untyped-call]
        means, variances = gathered.unbind(1)  # (processes, channels)
        mean = means.mean(0)
        return mean, (variances + (means - mean).square()).mean(0)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


class _Sum(torch.autograd.Function):
    """The sum over the processes; the losses of all depend on it, so its gradient is one too."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone()
        sum_over_processes(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        total = grads[0].clone()
        sum_over_processes(total)
        return total
