"""Sizes of networks, computed by hand and published."""

import pytest
import torch
from torch import nn

from nasp.cnn.network import Network
from nasp.cnn.size import mult_adds, parameters
from tests.nasp.cnn.cells import AMOEBANET_A, DARTS_V2, NASP, SMALL


def shapes_only(genotype, *arguments):
    with torch.device("meta"):
        return Network(genotype, *arguments, auxiliary=True, generator=torch.Generator())


@pytest.mark.parametrize(
    ("genotype", "published", "tolerance"),
    [(DARTS_V2, 3.3e6, 0.02), (NASP, 7.363e6, 1e-4), (AMOEBANET_A, 3.2e6, 0.02)],
)
def test_the_size_of_a_cifar_network_is_as_published(genotype, published, tolerance):
    network = shapes_only(genotype, 36, 20, 10, "cifar")
    assert parameters(network) == pytest.approx(published, rel=tolerance)
    assert parameters(network, without=()) > parameters(network)


def test_the_size_of_an_imagenet_network_is_as_published():
    network = Network(DARTS_V2, 48, 14, 1000, "imagenet", True, torch.Generator().manual_seed(1))
    assert parameters(network) == pytest.approx(4.7e6, rel=0.02)
    # The result of flops-counter.pytorch for the authors' network. Its last 2.7 % are batch norms,
    # activations and pools, which are not counted here. The paper has 574 M.
    assert mult_adds(network, (3, 224, 224)) == pytest.approx(544.59e6, rel=0.03)


def test_multiply_adds_are_those_of_a_count_by_hand():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1),  # 4 · 4 · 4 numbers of 3 · 9
        nn.BatchNorm2d(4),
        nn.Conv2d(4, 4, 3, padding=1, groups=4),  # 4 · 4 · 4 numbers of 9
        nn.Flatten(),
        nn.Linear(64, 5),
    )
    assert mult_adds(model, (3, 8, 8)) == 64 * 27 + 64 * 9 + 64 * 5
    assert parameters(model) == (4 * 27 + 4) + 8 + (4 * 9 + 4) + (64 * 5 + 5)


def test_a_network_of_one_cell_counted_by_hand():
    network = Network(SMALL, 2, 1, 10, "cifar", True, torch.Generator().manual_seed(1))
    # The only cell is a reduction cell: 6 channels from the stem, and 4 in each of its 2 nodes.
    stem, preprocessing, reduced_skips, linear = 6 * 27, 2 * (6 * 4), 2 * (4 * 4), 8 * 10
    assert mult_adds(network, (3, 8, 8)) == (
        64 * (stem + preprocessing) + 16 * reduced_skips + linear
    )
    norms = 2 * (6 + 2 * 4 + 2 * 4)
    assert parameters(network) == stem + preprocessing + reduced_skips + linear + norms + 10


def test_counting_leaves_the_module_as_it_was():
    network = Network(SMALL, 2, 3, 10, "cifar", True, torch.Generator().manual_seed(1)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    mult_adds(network, (3, 8, 8))
    assert all(module.training and not module._forward_hooks for module in network.modules())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
