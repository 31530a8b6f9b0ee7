"""The operations of a cell."""

import pytest
import torch

from nasp.cnn.operations import OPERATIONS, operation
from nasp.cnn.spaces import SPACES
from nasp.errors import NaspError

# Weights of an operation of 12 channels without affine batch norms, as the NASP authors list them.
PUBLISHED = {
    "conv_3x1_1x3": 864,
    "conv_7x1_1x7": 2016,
    "sep_conv_7x7": 1464,
    "conv_3x3": 1296,
    "sep_conv_5x5": 888,
    "sep_conv_3x3": 504,
    "dil_conv_5x5": 444,
    "conv_1x1": 144,
    "dil_conv_3x3": 252,
    "skip_connect": 0,
    "max_pool_3x3": 0,
    "avg_pool_3x3": 0,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_weights_are_as_many_as_published(name):
    made = operation(name, 12, 1, False)
    assert sum(p.numel() for p in made.parameters()) == PUBLISHED[name]


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("size", [8, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", OPERATIONS)
def test_shape_follows_the_stride(name, stride, size, affine):
    if size % 2 and stride == 2 and name == "skip_connect":
        pytest.skip("odd and even pixels are as many only in an even size")
    made = operation(name, 4, stride, affine)
    images = torch.randn(2, 4, size, size, generator=torch.Generator().manual_seed(1))
    assert made(images).shape == (2, 4, -(-size // stride), -(-size // stride))


def test_every_candidate_of_a_space_exists():
    for groups in SPACES.values():
        assert all(name in OPERATIONS for group in groups for name in group)
    assert [len(group) for group in SPACES["nasp"]] == [8, 5]
    assert [len(group) for group in SPACES["darts"]] == [7, 7]


def test_an_unknown_operation_is_named_with_the_nearest():
    with pytest.raises(NaspError, match=r"'sep_conv_3x'.*sep_conv_3x3"):
        operation("sep_conv_3x", 4, 1, True)
