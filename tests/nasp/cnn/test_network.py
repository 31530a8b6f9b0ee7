"""Cells and networks of a genotype."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from nasp.cnn.genotype import CellPlan
from nasp.cnn.network import ConvolutionalCell, Network, drop_path
from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.training import parallel
from tests.nasp.cnn.cells import DARTS_V2, SMALL


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def images(count=4, size=32):
    return torch.randn(count, 3, size, size, generator=seeded(9))


def small(layers=3, kind="cifar", auxiliary=True, genotype=SMALL, seed=1):
    return Network(genotype, 4, layers, 10, kind, auxiliary, seeded(seed))


def test_a_cell_computes_what_its_plan_says():
    plan = CellPlan((((0, "conv_3x3"), (1, "skip_connect")), ((2, "max_pool_3x3"),)), (3, 1, 2))
    cell = ConvolutionalCell(plan, 6, 8, 4, reduction=False, reduction_before=False).eval()
    before, previous = torch.randn(2, 6, 8, 8, generator=seeded()), torch.ones(2, 8, 8, 8)
    s0, s1 = cell.preprocess_before(before), cell.preprocess_previous(previous)
    n0 = cell.operations[0](s0) + s1
    n1 = torch.nn.functional.max_pool2d(n0, 3, 1, 1)
    assert torch.equal(cell(before, previous), torch.cat([n1, s1, n0], 1))


def test_a_source_may_feed_a_node_twice():
    plan = CellPlan((((1, "skip_connect"), (1, "skip_connect")),), (2,))
    cell = ConvolutionalCell(plan, 4, 4, 4, reduction=False, reduction_before=False).eval()
    before, previous = images(2, 8)[:, :1].expand(-1, 4, -1, -1), torch.ones(2, 4, 8, 8)
    assert torch.equal(cell(before, previous), 2 * cell.preprocess_previous(previous))


def test_a_reduction_cell_halves_its_inputs_only():
    plan = CellPlan((((0, "conv_3x3"),), ((2, "conv_3x3"), (1, "skip_connect"))), (2, 3))
    cell = ConvolutionalCell(plan, 4, 8, 6, reduction=True, reduction_before=True)
    # The cell before the previous one is twice as large if the previous one is a reduction cell.
    output = cell(torch.ones(2, 4, 16, 16), torch.ones(2, 8, 8, 8))
    assert output.shape == (2, 12, 4, 4)


@pytest.mark.parametrize(
    ("layers", "reductions"), [(1, [0]), (2, [0, 1]), (3, [1, 2]), (8, [2, 5]), (20, [6, 13])]
)
def test_reductions_are_at_thirds_of_the_depth(layers, reductions):
    with torch.device("meta"):
        network = small(layers)
    outputs = []
    for cell in network.cells:
        cell.register_forward_hook(lambda cell, inputs, output: outputs.append(output.shape))
    network.eval()(torch.zeros(1, 3, 32, 32, device="meta"))
    size, channels = 32, 4
    for position, shape in enumerate(outputs):
        if position in reductions:
            size, channels = size // 2, 2 * channels
        nodes = 2 if position in reductions else 1
        assert shape == (1, nodes * channels, size, size)


@pytest.mark.parametrize(("kind", "size"), [("cifar", 32), ("cifar", 64), ("imagenet", 64)])
def test_both_kinds_train_on_images_of_several_sizes(kind, size):
    network = small(kind=kind).train()
    logits, extra = network(images(2, size))
    assert extra is not None
    assert logits.shape == extra.shape == (2, 10)
    (logits + extra).sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


@pytest.mark.parametrize("auxiliary", [False, True])
def test_the_auxiliary_head_is_for_training_only(auxiliary):
    network = small(auxiliary=auxiliary)
    assert (network.train()(images())[1] is not None) == auxiliary
    assert network.eval()(images())[1] is None


def test_one_seed_has_one_network_whatever_the_global_random_numbers():
    torch.manual_seed(0)
    first = small().state_dict()
    torch.manual_seed(1)
    again, other = small().state_dict(), small(seed=2).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    convolutions = [name for name in first if first[name].dim() == 4]
    assert not any(torch.equal(first[name], other[name]) for name in convolutions)


def test_an_image_that_drops_everything_keeps_the_identities():
    plan = CellPlan((((0, "conv_3x3"), (1, "skip_connect")),), (2,))
    cell = ConvolutionalCell(plan, 4, 4, 4, reduction=False, reduction_before=False).eval()
    before, previous = torch.randn(2, 2, 4, 8, 8, generator=seeded())
    keep = torch.tensor([[0.0, 2.0], [0.0, 0.0]])  # (operations, images)
    output = cell(before, previous, keep)
    identity = cell.preprocess_previous(previous)
    assert torch.equal(output[0], identity[0])
    convolved = cell.operations[0](cell.preprocess_before(before))
    torch.testing.assert_close(output[1], identity[1] + 2 * convolved[1])


def test_a_skip_that_reduces_is_no_identity():
    plan = CellPlan((((0, "skip_connect"),),), (2,))
    cell = ConvolutionalCell(plan, 4, 4, 4, reduction=True, reduction_before=False).eval()
    before = torch.randn(1, 4, 8, 8, generator=seeded())
    assert not cell(before, before, torch.zeros(1, 1)).any()


def test_each_cell_has_draws_of_its_own():
    network = small().eval()
    keep = torch.ones(3, 4, 4)
    torch.testing.assert_close(network(images(), keep)[0], network(images())[0])
    for cell in range(3):
        dropped = keep.clone()
        dropped[cell] = 0.0
        assert not torch.equal(network(images(), dropped)[0], network(images(), keep)[0])


def test_drop_path_scales_what_it_keeps():
    keep = drop_path(small(), 500, 0.2, seeded())
    assert keep.shape == (3, 4, 500)
    assert keep.unique().tolist() == [0.0, pytest.approx(1.25)]
    # 6000 draws: the mean of 1.25 · Bernoulli(0.8) has the standard deviation 0.0065.
    assert keep.mean().item() == pytest.approx(1.0, abs=0.03)
    assert len({tuple(row) for row in keep.flatten(0, 1).tolist()}) == 12


def test_drop_path_follows_its_generator():
    network = small()
    assert torch.equal(drop_path(network, 8, 0.5, seeded()), drop_path(network, 8, 0.5, seeded()))
    assert drop_path(network, 8, 0.0, seeded()) is None
    for probability in (-0.1, 1.0):
        with pytest.raises(NaspError, match="from 0 to below 1"):
            drop_path(network, 8, probability, seeded())


def test_processes_share_the_draws_of_one(monkeypatch):
    network = small()
    whole = drop_path(network, 8, 0.5, seeded())
    parts = []
    monkeypatch.setattr(parallel, "processes", lambda: 2)
    for rank in range(2):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        parts.append(drop_path(network, 8, 0.5, seeded()))
    assert torch.equal(torch.cat(parts, 2), whole)


def step(network, batch, keep=None, half=False):
    """Take a step of gradient descent, and return the loss before and after it."""
    labels = torch.arange(len(batch))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    losses = []
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits, extra = network(batch, keep)
            loss = cross_entropy(logits, labels) + 0.4 * cross_entropy(extra, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_a_step_lowers_the_loss():
    before, after = step(small().train(), images())
    assert after < before


def test_channels_last_has_the_same_loss():
    network = small().to(memory_format=torch.channels_last).train()
    losses = step(network, images().to(memory_format=torch.channels_last))
    assert losses == pytest.approx(step(small().train(), images()), rel=1e-3)


def test_half_precision_trains_and_stays_half_with_drop_path():
    network, types = small().train(), set()
    for cell in network.cells:
        cell.register_forward_hook(lambda cell, inputs, output: types.add(output.dtype))
    keep = drop_path(network, 4, 0.3, seeded())
    before, after = step(network, images(), keep, half=True)
    assert after < before
    assert types == {torch.bfloat16}


def test_it_compiles_to_one_graph():
    network = small(genotype=DARTS_V2).train()
    keep = drop_path(network, 4, 0.3, seeded())
    expected = network(images(), keep)
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    for ours, theirs in zip(compiled(images(), keep), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "imagnet"}, "imagnet.*imagenet"),
        ({"channels": 1}, "channels is 1"),
        ({"layers": 0}, "layers is 0"),
        ({"classes": 0}, "classes is 0"),
        ({"genotype": Genotype("sif", {})}, "sif"),
    ],
)
def test_what_cannot_be_built_is_named(change, message):
    arguments = {"genotype": SMALL, "channels": 4, "layers": 3, "classes": 10, "kind": "cifar"}
    with pytest.raises(NaspError, match=message):
        Network(**{**arguments, **change}, auxiliary=False, generator=seeded())


def test_images_that_cannot_be_halved_are_named():
    with pytest.raises(NaspError, match=r"30 x 30.*multiples of 4"):
        small()(images(1, 30))
