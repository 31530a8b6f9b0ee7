"""A part of the channels passes the candidates of a search network, and the rest pass them by."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nasp.cnn.options import SearchOptions
from nasp.cnn.partial_channels import PartialChannels
from nasp.cnn.space import CNNSpace
from nasp.core.parameters import Architecture
from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError
from nasp.registry import class_and_options
from nasp.strategies.base import Strategy
from nasp.training.optimization import WeightStep

SPACES = ["darts_none", "nasbench201"]
BATCH = (
    torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64),
    torch.arange(4) % 3,
)


def made(space: str, share: int) -> CNNSpace:
    random = torch.Generator().manual_seed(1)
    return CNNSpace(space, 3, 4, 3, random, partial_channels=share).double()


def loss_of(space: CNNSpace, relaxation: Relaxation, *_: Any) -> Tensor:
    return nn.functional.cross_entropy(space(BATCH, relaxation), BATCH[1])


def test_channels_are_split_and_shuffled() -> None:
    split = PartialChannels(4)
    state = torch.arange(8.0).view(1, 8, 1, 1)
    node = Relaxation.dense({"x": torch.tensor([[0.5, 0.5]])})
    mixed = split.mix(
        node, "x", lambda e, k: split.passing(state) - 10, lambda e: split.bypass(state)
    )
    # Two channels pass; those of the four groups (0 1) (2 3) (4 5) (6 7) are interleaved.
    assert mixed.flatten().tolist() == [-10, 2, 4, 6, -9, 3, 5, 7]


def test_bypassed_channels_are_pooled_where_candidates_halve_the_size() -> None:
    state = torch.arange(32.0).view(1, 2, 4, 4)
    assert PartialChannels(2).bypass(state, halve=True).tolist() == [[[[21, 23], [29, 31]]]]


@pytest.mark.parametrize("space", SPACES)
def test_the_one_path_gradient_is_that_of_all_candidates(space: str) -> None:
    network = made(space, 2)
    projection = Architecture(network.decisions, torch.Generator().manual_seed(2)).projection()
    path = Relaxation.one_path({n: a.double() for n, a in projection.items()}).probed()
    every = {n: a.detach().clone().requires_grad_() for n, a in path.weights.items()}
    found = torch.autograd.grad(loss_of(network, path), list(path.weights.values()))
    exact = torch.autograd.grad(loss_of(network, Relaxation.dense(every)), list(every.values()))
    for ours, full in zip(found, exact, strict=True):
        torch.testing.assert_close(ours, full)


@pytest.mark.parametrize("space", SPACES)
def test_candidates_have_the_weights_of_a_part(space: str) -> None:
    def channels(share: int) -> list[int]:
        cells: list[Any] = [c for c in made(space, share).cells if hasattr(c, "split")]
        candidates = [c.nodes if hasattr(c, "nodes") else c.edges for c in cells]
        modules = [m for candidate in candidates for m in candidate.modules()]
        return [m.out_channels for m in modules if isinstance(m, nn.Conv2d)]

    assert channels(1) == [2 * count for count in channels(2)]
    assert len(channels(1)) > 10


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", ["nasp", "gdas", "darts2", "pcdarts", "asap"])
def test_strategies_train_their_architecture(name: str, space: str) -> None:
    network = made(space, 4)
    found, options = class_and_options(SearchOptions(strategy=name), "strategy")
    step = WeightStep(torch.optim.SGD(network.weights(), 0.1))
    strategy: Strategy = found(network, torch.Generator().manual_seed(0), options, step)
    before = [a.detach().clone() for a in strategy.scores().values()]
    assert not strategy.architecture_step(
        lambda relaxation, weights=None: _with(network, relaxation, weights),
        lambda relaxation, weights=None: _with(network, relaxation, weights),
    ).requires_grad
    changed = [
        not torch.equal(a, b) for a, b in zip(strategy.scores().values(), before, strict=True)
    ]
    assert all(changed)


def _with(network: CNNSpace, relaxation: Relaxation, weights: Any) -> Tensor:
    outputs = torch.func.functional_call(network, dict(weights or {}), (BATCH, relaxation))
    return nn.functional.cross_entropy(outputs, BATCH[1])


def test_channels_that_cannot_be_split_are_refused() -> None:
    message = "partial_channels is 4; it must divide channels, which is 6"
    with pytest.raises(NaspError, match=message):
        SearchOptions(channels=6, partial_channels=4)
    with pytest.raises(NaspError, match=message):
        CNNSpace("nasp", 3, 6, 3, torch.Generator(), partial_channels=4)
    with pytest.raises(NaspError, match="partial_channels is 0; it must be above 0"):
        SearchOptions(partial_channels=0)
