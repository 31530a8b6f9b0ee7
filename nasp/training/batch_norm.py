"""Batch normalisation over the whole batch when several processes share it."""

from typing import Any

import torch
from torch import Tensor, nn

from nasp.errors import NaspError
from nasp.runs.process import processes, rank
from nasp.training.parallel import sum_over_processes


class BatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d` with training statistics over the batches of all processes.

    torch's `SyncBatchNorm` needs CUDA; this class uses only what gloo and NCCL both offer. With one
    process it is `nn.BatchNorm2d`. Input and output are `(batch, channels, height, width)`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise a batch.

        Raises:
            NaspError: In training, each channel has a single number.
        """
        count = input.numel() // self.num_features * processes()
        if self.training and count == 1:
            raise NaspError(
                "batch norm needs more than one value for each channel: raise batch_size"
            )
        if not self.training or processes() == 1:
            return super().forward(input)
        # In float32, because half precision cannot hold small variances.
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
        """Return mean and biased variance of the whole batch, `(channels,)`, by one exchange.

        The processes exchange means and variances, because sums of squares lose a variance that is
        small compared with the mean.
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
    """The sum over the processes. All losses depend on it, so its gradient is summed, too."""

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
