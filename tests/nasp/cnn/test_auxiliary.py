"""The auxiliary head."""

import pytest
import torch
from torch import nn

from nasp.cnn.auxiliary import AuxiliaryHead


@pytest.mark.parametrize(("size", "stride", "last_norm"), [(8, 3, True), (7, 2, False)])
def test_published_sizes_are_pooled_once(size, stride, last_norm):
    head = AuxiliaryHead(6, 10, stride, last_norm).eval()
    features = torch.randn(2, 6, size, size, generator=torch.Generator().manual_seed(1))
    plain = nn.Sequential(
        nn.ReLU(), nn.AvgPool2d(5, stride), *head.features, nn.Flatten(), head.classifier
    )
    assert torch.equal(head(features), plain(features))
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in head.features) == 1 + last_norm


@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("size", [1, 2, 4, 5, 14, 16])
def test_other_sizes_are_pooled_again(size, stride):
    head = AuxiliaryHead(6, 10, stride, last_norm=True)
    assert head(torch.ones(2, 6, size, size)).shape == (2, 10)
