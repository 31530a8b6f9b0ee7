"""The auxiliary classifier in the middle of a network, which helps to train the cells before it."""

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d

from nasp.training.batch_norm import BatchNorm

WINDOW = 5


class AuxiliaryHead(nn.Module):
    """Pooling to 2 × 2, two convolutions and a linear layer (NASNet, as in DARTS's networks).

    The published networks have features of 8 × 8 (CIFAR-10) or 7 × 7 (ImageNet) here, which the
    average pool reduces to 2 × 2. Features of other sizes are then pooled again to 2 × 2.

    Args:
        inputs: Channels of the features.
        classes: Number of classes.
        stride: Stride of the average pool: 3 for CIFAR-10, 2 for ImageNet.
        last_norm: Whether a batch norm follows the second convolution; DARTS's ImageNet network has
            none.
    """

    def __init__(self, inputs: int, classes: int, stride: int, last_norm: bool) -> None:
        super().__init__()
        self.stride = stride
        self.features = nn.Sequential(
            nn.Conv2d(inputs, 128, 1, bias=False),
            BatchNorm(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            *([BatchNorm(768)] if last_norm else []),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(768, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Map features `(batch, channels, height, width)` to logits `(batch, classes)`."""
        x = features.relu()
        if min(x.shape[2:]) >= WINDOW:
            x = avg_pool2d(x, WINDOW, self.stride, count_include_pad=False)
        logits: Tensor = self.classifier(self.features(adaptive_avg_pool2d(x, 2)).flatten(1))
        return logits
