"""Batch normalisation over the whole batch when several processes share it."""

from collections.abc import Callable, Iterable
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
        assert self.num_batches_tracked is not None  # batch norms that track have it
        self.num_batches_tracked.add_(1)
        momentum = self.momentum
        if momentum is None:  # the mean of all batches, as in torch
            momentum = 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)


@torch.no_grad()
def recalibrate(network: nn.Module, passes: Iterable[Callable[[], Any]]) -> None:
    """Replace the running statistics of all batch norms by their means over training batches.

    A network whose weights were trained in other paths than the one that is evaluated needs it.

    Args:
        network: The network; without batch norms that track statistics, nothing runs. It is in
            training mode afterwards if it has such batch norms.
        passes: Each runs the network on one training batch.
    """
    norms = [
        norm
        for norm in network.modules()
        if isinstance(norm, nn.modules.batchnorm._BatchNorm) and norm.track_running_stats
    ]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
    network.train()
    for run in passes:
        run()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


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
