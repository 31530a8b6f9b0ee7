"""The space of CNN cells: its decisions, its one-path gradient, and the operations that run."""

from collections import Counter
from functools import partial

import pytest
import torch
from torch import nn

from nasp.cnn.network import Network
from nasp.cnn.operations import operation
from nasp.cnn.space import CNNSpace, decisions_of
from nasp.core.genotype import Genotype, choices_of
from nasp.core.parameters import Architecture
from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError
from nasp.search.one_shot import loss_of
from nasp.strategies import ONE_SHOT
from nasp.training.batch_norm import BatchNorm
from nasp.training.optimization import descend
from nasp.training.precision import Precision

CHANNELS, LAYERS, CLASSES = 4, 3, 3


def cross_entropy(logits, batch):
    return nn.functional.cross_entropy(logits, batch[1])


def made(space="nasp", kind="cifar", dtype=torch.float32, half=False, channels_last=True):
    """Make a space, a projection and a batch of 8 images of its kind, from one seed."""
    random = torch.Generator().manual_seed(1)
    precision = Precision(half, channels_last)
    model = CNNSpace(space, CLASSES, CHANNELS, LAYERS, random, kind, precision).to(dtype)
    projection = Architecture(model.decisions, random).to(dtype).projection()
    size = 32 if kind == "imagenet" else 8
    images = torch.randn(8, 3, size, size, generator=random, dtype=torch.float64).to(dtype)
    return model, projection, (images, torch.arange(8) % CLASSES)


def gradients(model, batch, relaxation):
    """Return the loss, ∂L/∂A of all decisions in one vector, and the gradients of all weights."""
    loss = cross_entropy(model(batch, relaxation), batch)
    inputs = [*relaxation.weights.values(), *model.weights()]
    found = torch.autograd.grad(loss, inputs, materialize_grads=True)
    count = len(relaxation.weights)
    return loss.detach(), torch.cat([a.flatten() for a in found[:count]]), found[count:]


def distance(ours, exact):
    return float((ours - exact).norm() / exact.norm())


def candidates(model):
    """Yield `(decision, edge, operation), module` of all cells."""
    for cell in model.cells:
        for decision, edges in zip(cell.decisions, cell.nodes, strict=True):
            for edge, operations in enumerate(edges):
                for k, module in enumerate(operations):
                    yield (decision.name, edge, k), module


@pytest.mark.parametrize(
    ("space", "kind", "channels_last", "dtype"),
    [
        ("nasp", "cifar", True, torch.float64),
        ("nasp", "cifar", False, torch.float64),
        ("nasp", "cifar", True, torch.float32),
        ("darts", "cifar", True, torch.float64),
        ("darts", "cifar", False, torch.float32),
        ("nasp", "imagenet", True, torch.float64),
        ("nasbench201", "cifar", True, torch.float64),
    ],
)
def test_one_path_gradient_is_full_autograds(space, kind, channels_last, dtype):
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    ours, full = (
        gradients(model, batch, make(projection).probed())
        for make in (Relaxation.one_path, Relaxation.dense)
        for model, projection, batch in [made(space, kind, dtype, channels_last=channels_last)]
    )
    assert distance(ours[0], full[0]) < tolerance
    assert distance(ours[1], full[1]) < tolerance
    largest = max(exact.norm() for exact in full[2])
    for weight, exact in zip(ours[2], full[2], strict=True):
        assert weight.dtype == dtype
        assert (weight - exact).norm() <= tolerance * largest


def test_probed_candidates_train_their_batch_norms_as_in_full_autograd():
    statistics = []
    for make in (Relaxation.one_path, Relaxation.dense):
        model, projection, batch = made(dtype=torch.float64)
        gradients(model, batch, make(projection).probed())
        norms = [module for module in model.modules() if isinstance(module, BatchNorm)]
        assert all(norm.training and norm.num_batches_tracked == 1 for norm in norms)
        assert all(norm.running_mean.any() for norm in norms)
        statistics.append(torch.cat([torch.cat([n.running_mean, n.running_var]) for n in norms]))
    torch.testing.assert_close(*statistics, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("space", ["nasp", "darts"])
def test_a_step_runs_the_path_once_and_probes_the_others_once(space):
    model, _, batch = made(space)
    random = torch.Generator().manual_seed(2)
    strategy = ONE_SHOT["nasp"](model, random, ONE_SHOT["nasp"].Options())
    names = {module: name for name, module in candidates(model)}
    calls: Counter[tuple[nn.Module, bool]] = Counter()
    for module in names:
        module.register_forward_hook(
            lambda module, *_: calls.update([(module, torch.is_grad_enabled())])
        )
    active = {(name, *choice) for name, c in strategy._path.active.items() for choice in c}
    loss = partial(loss_of, cross_entropy, model, batch)
    strategy.architecture_step(loss, loss)
    assert calls == Counter({(module, name in active): 1 for module, name in names.items()})
    calls.clear()
    optimizer = torch.optim.SGD(model.weights(), 0.01)
    path = strategy.weight_relaxation()
    active = {(name, *choice) for name, c in path.active.items() for choice in c}
    descend(cross_entropy(model(batch, path), batch), model.weights(), optimizer)
    assert calls == Counter({(module, True): 1 for module, name in names.items() if name in active})


@pytest.mark.parametrize("strategy", ["nasp", "darts"])
def test_an_architecture_step_leaves_the_weights_and_their_gradients_alone(strategy):
    model, _, batch = made()
    marks = [torch.full_like(weight, 7.0) for weight in model.weights()]
    before = [weight.detach().clone() for weight in model.weights()]
    for weight, mark in zip(model.weights(), marks, strict=True):
        weight.grad = mark
    made_strategy = ONE_SHOT[strategy](
        model, torch.Generator().manual_seed(2), ONE_SHOT[strategy].Options()
    )
    loss = partial(loss_of, cross_entropy, model, batch)
    made_strategy.architecture_step(loss, loss)
    for weight, mark, value in zip(model.weights(), marks, before, strict=True):
        assert weight.grad is mark
        assert (mark == 7.0).all()
        assert weight.requires_grad
        assert torch.equal(weight, value)


def test_half_precision_runs_all_candidates_in_half_and_has_nearly_the_gradient():
    types: set[torch.dtype] = set()
    model, projection, batch = made(half=True)
    for _, module in candidates(model):
        module.register_forward_hook(lambda module, inputs, output: types.add(output.dtype))
    ours = gradients(model, batch, Relaxation.one_path(projection).probed())
    assert types == {torch.bfloat16}  # probes run in the backward pass, outside of autocast
    model, projection, batch = made()
    exact = gradients(model, batch, Relaxation.one_path(projection).probed())
    assert ours[1].dtype == torch.float32
    # bfloat16 has 8 bits. The rounding errors of the layers add up to 0.13 of a gradient.
    assert distance(ours[0], exact[0]) < 0.03
    assert distance(ours[1], exact[1]) < 0.3
    flat = [torch.cat([weight.flatten() for weight in found[2]]) for found in (ours, exact)]
    assert distance(*flat) < 0.3


def test_costs_are_the_weights_of_the_modules_that_run():
    model, _, _ = made("darts")
    costs = {(d.name, k): cost for d in model.decisions for k, cost in enumerate(d.cost)}
    for (name, _, k), module in candidates(model):
        if name.startswith("normal"):  # their cell has the channels that costs are counted for
            assert sum(weight.numel() for weight in module.parameters()) == costs[name, k]


def test_costs_counted_by_hand():
    normal, *_, reduce = decisions_of("nasp", 16)
    assert dict(zip(normal.operations, normal.cost, strict=True)) == {
        "skip_connect": 0,
        "conv_3x1_1x3": 2 * 3 * 16 * 16,
        "dil_conv_3x3": 9 * 16 + 16 * 16,
        "conv_1x1": 16 * 16,
        "conv_3x3": 9 * 16 * 16,
        "sep_conv_3x3": 2 * (9 * 16 + 16 * 16),
        "sep_conv_5x5": 2 * (25 * 16 + 16 * 16),
        "sep_conv_7x7": 2 * (49 * 16 + 16 * 16),
    }
    assert set(reduce.cost) == {0}


@pytest.mark.parametrize("space", ["nasp", "darts", "darts_none"])
def test_decisions_are_those_of_darts(space):
    decisions = decisions_of(space, 4)
    names = [f"{cell}_{node}" for cell in ("normal", "reduce") for node in range(4)]
    assert [d.name for d in decisions] == names
    assert [len(d.sources) for d in decisions] == 2 * [2, 3, 4, 5]
    assert {d.keep for d in decisions} == {2}
    assert decisions[3].sources == ("input_0", "input_1", "node_0", "node_1", "node_2")
    operations = {"nasp": (8, 5), "darts": (7, 7), "darts_none": (8, 8)}[space]
    assert [len(d.operations) for d in decisions] == 4 * [operations[0]] + 4 * [operations[1]]
    assert {d.absent for d in decisions} == {"none" if space == "darts_none" else None}


def test_an_unknown_space_is_named():
    with pytest.raises(NaspError, match=r"unknown space 'nsap'.*nasp"):
        decisions_of("nsap", 4)


@pytest.mark.parametrize("space", ["nasp", "darts", "nasbench201"])
def test_a_genotype_of_the_space_builds_a_network(space):
    model, projection, (images, _) = made(space)
    genotype = model.genotype(choices_of(model.decisions, projection))
    assert Genotype.from_json(genotype.to_json()) == genotype
    random = torch.Generator().manual_seed(1)
    network = Network(genotype, CHANNELS, LAYERS, CLASSES, "cifar", False, random)
    assert network(images)[0].shape == (8, CLASSES)


def test_none_takes_weight_but_is_never_kept():
    model, _, batch = made("darts_none")
    strategy = ONE_SHOT["darts"](
        model, torch.Generator().manual_seed(2), ONE_SHOT["darts"].Options()
    )
    with torch.no_grad():
        for a in strategy.architecture.values().values():
            a[:, 0] = 5.0
    assert {d.operations[0] for d in model.decisions} == {"none"}
    kept = [pair for pairs in strategy.genotype().choices.values() for pair in pairs]
    assert len(kept) == 2 * 4 * 2
    assert "none" not in {operation for _, operation in kept}
    loss = partial(loss_of, cross_entropy, model, batch)
    before = strategy.architecture.values()["normal_0"][:, 0].clone()
    strategy.architecture_step(loss, loss)
    assert not torch.equal(before, strategy.architecture.values()["normal_0"][:, 0])


def test_nasp_searches_a_space_with_none():
    model, _, batch = made("darts_none")
    strategy = ONE_SHOT["nasp"](model, torch.Generator().manual_seed(2), ONE_SHOT["nasp"].Options())
    with torch.no_grad():
        for a in strategy.architecture.values().values():
            a[:, 0] = 1.0
    loss = partial(loss_of, cross_entropy, model, batch)
    strategy.architecture_step(loss, loss)
    assert "none" not in str(strategy.genotype())


@pytest.mark.parametrize("space", ["nasp", "darts"])
def test_a_candidate_computes_what_its_operation_does(space):
    model, _, _ = made(space)
    cell, decision = model.cells[0], model.decisions[0]

    class Spy:
        def mix(self, name, run):
            if name == decision.name:
                self.outputs = [run(1, k) for k in range(len(decision.operations))]
            return run(1, 0)

    x = torch.randn(8, 3 * CHANNELS, 8, 8, generator=torch.Generator().manual_seed(2))
    spy = Spy()
    cell(x, x, spy)
    state = cell.preprocess_previous(x)
    assert bool((state < 0).any())
    for k, name in enumerate(decision.operations):
        alone = operation(name, CHANNELS, 1, affine=False)
        if "conv" in name:
            alone.load_state_dict(cell.nodes[0][1][k].state_dict())
        expected = alone(state)
        if "pool" in name:
            expected = BatchNorm(CHANNELS, affine=False)(expected)
        torch.testing.assert_close(spy.outputs[k], expected)


def test_one_seed_has_one_space_whatever_the_global_random_numbers():
    torch.manual_seed(0)
    first = made()[0].state_dict()
    torch.manual_seed(1)
    again = made()[0].state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize(("kind", "size"), [("cifar", 10), ("imagenet", 40)])
def test_images_that_cannot_be_halved_are_named(kind, size):
    model, projection, (_, labels) = made(kind=kind)
    with pytest.raises(NaspError, match=f"{size} x {size}.*multiples"):
        model((torch.zeros(8, 3, size, size), labels), Relaxation.one_path(projection))


@pytest.mark.parametrize(("channels", "layers", "part"), [(1, 3, "channels"), (4, 0, "layers")])
def test_a_space_that_cannot_be_built_is_named(channels, layers, part):
    with pytest.raises(NaspError, match=part):
        CNNSpace("nasp", CLASSES, channels, layers, torch.Generator())
