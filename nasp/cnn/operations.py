"""The operations of CNN cells, with the names of the literature."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nasp.errors import check_known
from nasp.registry import Registry
from nasp.training.batch_norm import BatchNorm


def convolution(
    inputs: int,
    outputs: int,
    kernel: int | tuple[int, int],
    stride: int | tuple[int, int] = 1,
    dilation: int = 1,
    groups: int = 1,
) -> nn.Conv2d:
    """Make a convolution without bias that keeps height and width, divided by the stride."""
    if kernel == 1 and isinstance(stride, int) and stride > 1:
        return Pointwise(inputs, outputs, stride)
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (dilation * (height - 1) // 2, dilation * (width - 1) // 2)
    return nn.Conv2d(
        inputs, outputs, (height, width), stride, padding, dilation, groups, bias=False
    )


class Pointwise(nn.Conv2d):
    """A 1 × 1 convolution of every `stride`-th pixel of both axes.

    The pixels are selected first and then convolved with stride 1, which gives the same result. In
    oneDNN's backward pass, a 1 × 1 convolution with a stride can write past the end of its memory,
    on processors with AVX2 and without AVX-512.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, 1, bias=False)
        self.every = stride

    def forward(self, input: Tensor) -> Tensor:
        """Convolve `(batch, channels, height, width)`; height and width are rounded up."""
        return super().forward(input[:, :, :: self.every, :: self.every])


def relu_conv_bn(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, affine: bool = True
) -> nn.Sequential:
    """Make ReLU, convolution and batch norm."""
    return nn.Sequential(
        nn.ReLU(),
        convolution(inputs, outputs, kernel, stride),
        BatchNorm(outputs, affine=affine),
    )


class FactorizedReduce(nn.Module):
    """Halves height and width by two 1 × 1 convolutions, of even and of odd pixels."""

    def __init__(self, inputs: int, outputs: int, affine: bool = True) -> None:
        super().__init__()
        self.even = Pointwise(inputs, outputs // 2, 2)
        self.odd = Pointwise(inputs, outputs - outputs // 2, 2)
        self.norm = BatchNorm(outputs, affine=affine)

    def forward(self, images: Tensor) -> Tensor:
        x = images.relu()
        normalised: Tensor = self.norm(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], 1))
        return normalised


class Zero(nn.Module):
    """The operation `none`: no connection."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, images: Tensor) -> Tensor:
        return torch.zeros_like(images[:, :, :: self.stride, :: self.stride])


def _separable(
    channels: int,
    kernel: int,
    stride: int,
    affine: bool,
    dilation: int = 1,
    inplace: bool = False,
) -> list[nn.Module]:
    """Return ReLU, a depthwise convolution, a pointwise convolution and batch norm."""
    return [
        nn.ReLU(inplace),
        convolution(channels, channels, kernel, stride, dilation, groups=channels),
        convolution(channels, channels, 1),
        BatchNorm(channels, affine=affine),
    ]


def _sep_conv(kernel: int) -> "Maker":
    # The second ReLU may work in place, because nothing else uses the batch norm's output.
    return lambda channels, stride, affine: nn.Sequential(
        *_separable(channels, kernel, stride, affine),
        *_separable(channels, kernel, 1, affine, inplace=True),
    )


def _dil_conv(kernel: int) -> "Maker":
    return lambda channels, stride, affine: nn.Sequential(
        *_separable(channels, kernel, stride, affine, dilation=2)
    )


def _conv(kernel: int) -> "Maker":
    return lambda channels, stride, affine: relu_conv_bn(channels, channels, kernel, stride, affine)


def _factorized_conv(length: int) -> "Maker":
    """Make a convolution of a row and one of a column, with one batch norm after both."""
    return lambda channels, stride, affine: nn.Sequential(
        nn.ReLU(),
        convolution(channels, channels, (1, length), (1, stride)),
        convolution(channels, channels, (length, 1), (stride, 1)),
        BatchNorm(channels, affine=affine),
    )


def _max_pool(kernel: int) -> "Maker":
    return lambda channels, stride, affine: nn.MaxPool2d(kernel, stride, kernel // 2)


def _avg_pool(kernel: int) -> "Maker":
    return lambda channels, stride, affine: nn.AvgPool2d(
        kernel, stride, kernel // 2, count_include_pad=False
    )


def _skip(channels: int, stride: int, affine: bool) -> nn.Module:
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, affine)


Maker = Callable[[int, int, bool], nn.Module]
"""Makes an operation, given its channels, its stride and whether its batch norms have weights."""

OPERATIONS = Registry[Maker](
    {
        "none": lambda channels, stride, affine: Zero(stride),
        "skip_connect": _skip,
        "avg_pool_3x3": _avg_pool(3),
        "max_pool_3x3": _max_pool(3),
        "max_pool_5x5": _max_pool(5),
        "max_pool_7x7": _max_pool(7),
        "conv_1x1": _conv(1),
        "conv_3x3": _conv(3),
        "conv_3x1_1x3": _factorized_conv(3),
        "conv_7x1_1x7": _factorized_conv(7),
        "sep_conv_3x3": _sep_conv(3),
        "sep_conv_5x5": _sep_conv(5),
        "sep_conv_7x7": _sep_conv(7),
        "dil_conv_3x3": _dil_conv(3),
        "dil_conv_5x5": _dil_conv(5),
    }
)
"""Operations by name. Their outputs should be normalised; the search space normalises pooling."""


def operation(name: str, channels: int, stride: int, affine: bool) -> nn.Module:
    """Make an operation on `(batch, channels, height, width)`, which keeps the channels.

    Args:
        name: A name in `OPERATIONS`.
        channels: Number of input and output channels.
        stride: 1, or 2 to halve height and width.
        affine: Whether its batch norms have weights.

    Raises:
        NaspError: There is no such operation.
    """
    check_known("operation", name, OPERATIONS)
    return OPERATIONS[name](channels, stride, affine)
