"""The network around the cells: the stem, from images to two inputs, and the place of each cell."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from nasp.cnn.operations import convolution, relu_conv_bn
from nasp.training.batch_norm import BatchNorm


class CifarStem(nn.Module):
    """One convolution; both inputs of the first cell are its result, of the images' size.

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
    """Three convolutions of stride 2; the last two results are the inputs of the first cell.

    They have a quarter and an eighth of the images' height and width.

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
    """Where a cell stands in a network.

    Attributes:
        before: Channels of the cell before the previous one.
        previous: Channels of the previous cell.
        channels: Channels of a node.
        reduction: Whether it halves height and width.
        reduction_before: Whether the previous cell did.
    """

    before: int
    previous: int
    channels: int
    reduction: bool
    reduction_before: bool


def skeleton(
    kind: str, channels: int, layers: int, nodes: Callable[[bool], int]
) -> tuple[nn.Module, list[CellPosition], int]:
    """What the search network and the stand-alone one have in common (DARTS, section 3).

    The cells at one and at two thirds of the depth are reduction cells: half the height and width,
    twice the channels.

    Args:
        kind: The stem: `cifar` or `imagenet`.
        channels: Channels of a node in the first cell.
        layers: Number of cells.
        nodes: How many nodes a cell puts out, given whether it reduces.

    Returns:
        The stem, the place of each cell, and the channels of the last cell.
    """
    stem: nn.Module
    if kind == "cifar":
        before = previous = 3 * channels
        stem, reduced = CifarStem(previous), False
    else:
        before = previous = channels
        stem, reduced = ImageNetStem(previous), True
    places = []
    for position in range(layers):
        reduction = position in (layers // 3, 2 * layers // 3)
        channels *= 2 if reduction else 1
        places.append(CellPosition(before, previous, channels, reduction, reduced))
        before, previous, reduced = previous, nodes(reduction) * channels, reduction
    return stem, places, previous
