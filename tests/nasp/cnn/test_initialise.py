"""Initial weights."""

import pytest
import torch
from torch import nn

from nasp.cnn.initialise import initialise


def layers():
    return nn.Sequential(nn.Conv2d(8, 64, 3, groups=2), nn.BatchNorm2d(64), nn.Linear(100, 50))


def test_weights_have_the_distribution_of_torch():
    module = layers()
    initialise(module, torch.Generator().manual_seed(1))
    convolution, norm, linear = module
    for layer, inputs in ((convolution, 4 * 9), (linear, 100)):
        for values in (layer.weight, layer.bias):
            assert values.abs().max().item() <= inputs**-0.5
        # The standard deviation of a uniform distribution; with 2000 weights the error is about 1
        # %.
        assert layer.weight.std().item() == pytest.approx((3 * inputs) ** -0.5, rel=0.05)
    assert torch.equal(norm.weight, torch.ones(64))


def test_the_generator_alone_decides():
    modules = [layers() for _ in range(3)]
    for module, seed in zip(modules, (1, 1, 2), strict=True):
        initialise(module, torch.Generator().manual_seed(seed))
    first, again, other = (list(module.parameters()) for module in modules)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
