"""What comes before the first cell: from images to its two inputs."""

from torch import Tensor, nn

from nasp.cnn.batch_norm import BatchNorm
from nasp.cnn.operations import convolution, relu_conv_bn


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
