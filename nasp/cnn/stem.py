"""The stem of a network, and the positions of its cells."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from nasp.cnn.operations import convolution, relu_conv_bn
from nasp.training.batch_norm import BatchNorm


class CifarStem(nn.Module):
    """One convolution, whose result, of the images' size, is both inputs of the first cell.

    Args:
        outputs: Channels of the result.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Sequential(convolution(3, outputs, 3), BatchNorm(outputs))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.convolution(images)
        return features, features


class ImageNetStem(nn.Module):
    """Three convolutions of stride 2, whose last two results are the inputs of the first cell.

    These results have a quarter and an eighth of the images' height and width.

    Args:
        outputs: Channels of both results.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.quarter = nn.Sequential(
            convolution(3, outputs // 2, 3, stride=2),
            BatchNorm(outputs // 2),
            relu_conv_bn(outputs // 2, outputs, 3, stride=2),
        )
        self.eighth = relu_conv_bn(outputs, outputs, 3, stride=2)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        quarter = self.quarter(images)
        return quarter, self.eighth(quarter)


class CellPosition(NamedTuple):
    """The position of a cell in a network.

    Attributes:
        before: Channels of the cell before the previous one.
        previous: Channels of the previous cell.
        channels: Channels of a node.
        reduction: Whether the cell halves height and width.
        reduction_before: Whether the previous cell does.
    """

    before: int
    previous: int
    channels: int
    reduction: bool
    reduction_before: bool


def reductions(layers: int) -> list[bool]:
    """Return for each cell whether it is at one or two thirds of the depth, and reduces."""
    return [position in (layers // 3, 2 * layers // 3) for position in range(layers)]


def skeleton(
    kind: str, channels: int, layers: int, nodes: Callable[[bool], int]
) -> tuple[nn.Module, list[CellPosition], int]:
    """Return the common structure of search network and stand-alone network (DARTS, section 3).

    The cells at one and two thirds of the depth are reduction cells, which halve height and width
    and double the channels.

    Args:
        kind: The stem: `cifar` or `imagenet`.
        channels: Channels of a node in the first cell.
        layers: Number of cells.
        nodes: Returns the number of output nodes of a cell, given whether it is a reduction cell.

    Returns:
        The stem, the position of each cell, and the output channels of the last cell.
    """
    stem: nn.Module
    if kind == "cifar":
        before = previous = 3 * channels
        stem, reduced = CifarStem(previous), False
    else:
        before = previous = channels
        stem, reduced = ImageNetStem(previous), True
    places = []
    for reduction in reductions(layers):
        channels *= 2 if reduction else 1
        places.append(CellPosition(before, previous, channels, reduction, reduced))
        before, previous, reduced = previous, nodes(reduction) * channels, reduction
    return stem, places, previous
