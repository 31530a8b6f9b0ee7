"""The search space: its equations, its gradients and their cost."""

import gc
import weakref
from dataclasses import replace
from functools import partial
from itertools import combinations, product

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from nasp.core.genotype import choices_of
from nasp.core.limit import swaps
from nasp.core.parameters import Architecture
from nasp.core.relaxation import Probes, Relaxation
from nasp.errors import NaspError
from nasp.rnn.data import TextBatch
from nasp.rnn.network import LanguageModel
from nasp.rnn.operations import OPERATIONS
from nasp.rnn.space import RNNSpace
from nasp.rnn.words import LanguageModelOutput, language_model_loss
from nasp.search.one_shot import loss_of
from nasp.strategies import ONE_SHOT
from nasp.training.optimization import WeightStep, frozen
from tests.nasp.rnn.made import made_batch

WORDS, UNITS, BATCH, STEPS = 15, 7, 5, 6


def made(
    seed: int, nodes: int = 8, batch_norm: bool = True, none: bool = False
) -> tuple[RNNSpace, TextBatch, dict[str, Tensor]]:
    """Return a space in float64 with rather large weights, a batch, and a projection."""
    generator = torch.Generator().manual_seed(seed)
    space = RNNSpace(WORDS, UNITS, generator, nodes, batch_norm=batch_norm, none=none).double()
    with torch.no_grad():
        for parameter in space.parameters():
            parameter.mul_(20)
    projection = Architecture(space.decisions, generator).projection()
    return space, made_batch(generator), {n: a.double() for n, a in projection.items()}


def lossy(space: RNNSpace, batch: TextBatch, relaxation: Relaxation) -> Tensor:
    return language_model_loss(space(batch, relaxation), batch, 0.3, 0.2)


def by_hand(space: RNNSpace, batch: TextBatch, weights: dict[str, Tensor]) -> Tensor:
    """Compute the loss by the published equations, one candidate at a time."""
    masks = batch.masks
    assert masks is not None
    cell, n = space.cell, UNITS
    norm = nn.BatchNorm1d(n, affine=False).double()

    def update(state: Tensor, product: Tensor, name: str) -> Tensor:
        if name == "none":
            return torch.zeros_like(state)
        gate, z = product[:, :n].sigmoid(), product[:, n:]
        return state + gate * (OPERATIONS[name](z) - state)

    h, outputs = batch.state, []
    for words in batch.inputs:
        x = (space.words.weight * masks.words)[words] * masks.inputs
        both = torch.cat([x, h * masks.states], 1)
        first = update(h, both @ torch.cat([cell.input_map, cell.state_map]), "tanh")
        states = [norm(first)]
        for d, matrix in zip(space.decisions, cell.maps, strict=True):
            a = weights[d.name]
            node = sum(
                a[e, k] * update(s, (s * masks.states) @ matrix, name)
                for e, s in enumerate(states)
                for k, name in enumerate(d.operations)
            )
            states.append(norm(node))
        h = sum(states[1:]) / len(space.decisions)
        outputs.append(h)
    raw = torch.stack(outputs)
    passed = raw * masks.outputs
    logits = passed @ space.words.weight.T + space.words.bias
    loss = nn.functional.cross_entropy(logits.view(-1, WORDS), batch.targets.reshape(-1))
    loss = loss + 0.3 * passed.square().mean()
    return loss + 0.2 * (raw[1:] - raw[:-1]).square().mean()


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_one_path_gradient_is_that_of_full_autograd(seed: int, batch_norm: bool) -> None:
    space, batch, projection = made(seed, batch_norm=batch_norm)
    one = Relaxation.one_path(projection).probed()
    full = Relaxation.dense(projection).probed()
    losses = [lossy(space, batch, one), lossy(space, batch, full)]
    torch.testing.assert_close(*losses, rtol=0, atol=1e-12)
    for inputs in ([*one.weights.values()], [*space.parameters()]):
        others = inputs if inputs[0] is space.words.weight else [*full.weights.values()]
        ours = torch.autograd.grad(losses[0], inputs, retain_graph=True)
        theirs = torch.autograd.grad(losses[1], others, retain_graph=True)
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
        assert min(float(g.abs().max()) for g in theirs) > 1e-6


@pytest.mark.parametrize("kind", ["one path", "softmax"])
def test_the_loss_and_its_gradients_are_those_of_the_equations(kind: str) -> None:
    space, batch, projection = made(4, nodes=4)
    if kind == "one path":
        relaxation = Relaxation.one_path(projection).probed()
    else:
        mixed = {n: (3 * a).softmax(1) for n, a in projection.items()}
        relaxation = Relaxation.dense(mixed).probed()
    inputs = [*relaxation.weights.values(), *space.parameters()]
    ours, hand = lossy(space, batch, relaxation), by_hand(space, batch, dict(relaxation.weights))
    torch.testing.assert_close(ours, hand, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad(ours, inputs),
        torch.autograd.grad(hand, inputs),
        rtol=1e-9,
        atol=1e-9,
    )


def test_without_batch_norm_the_gradient_ranks_single_swaps() -> None:
    """The prediction is of first order, so it leaves out sigmoid, which adds 0.5 to all units."""
    correlations = []
    for seed in range(3):
        space, batch, projection = made(seed, nodes=3, batch_norm=False)
        with torch.no_grad():
            for parameter in space.parameters():
                parameter.div_(20)
        point = Relaxation.one_path(projection).probed()
        found = torch.autograd.grad(lossy(space, batch, point), list(point.weights.values()))
        gradients = dict(zip(point.weights, found, strict=True))
        predicted, true = [], []
        for d in space.decisions:
            sigmoid = d.operations.index("sigmoid")
            for old, new in swaps(d, projection[d.name]):
                if sigmoid in (old[1], new[1]):
                    continue
                swapped = projection[d.name].clone()
                swapped[old], swapped[new] = 0.0, 1.0
                path = Relaxation.one_path({**projection, d.name: swapped})
                predicted.append(float(gradients[d.name][new] - gradients[d.name][old]))
                true.append(float(lossy(space, batch, path).detach()))
        assert len(true) >= 2 + 5
        correlations.append(spearmanr(predicted, true).statistic)
    assert min(correlations) > 0.95


def test_without_batch_norm_one_path_is_the_stand_alone_network() -> None:
    space, batch, projection = made(5, batch_norm=False)
    choices = choices_of(space.decisions, projection)
    genotype = space.genotype(choices)
    alone = LanguageModel(genotype, WORDS, UNITS, torch.Generator()).double()
    with torch.no_grad():
        alone.words.load_state_dict(space.words.state_dict())
        alone.cell.input_map.copy_(space.cell.input_map)
        alone.cell.state_map.copy_(space.cell.state_map)
        for own, (_, nodes, _) in zip(alone.cell.maps, alone.cell.groups, strict=True):
            halves = [space.cell.maps[node - 1].chunk(2, 1) for node in nodes]
            own.copy_(torch.cat([*(gate for gate, _ in halves), *(z for _, z in halves)], 1))
    torch.testing.assert_close(
        lossy(space, batch, Relaxation.one_path(projection)),
        language_model_loss(alone(batch), batch, 0.3, 0.2),
    )
    normed, _, _ = made(5)
    other = lossy(normed, batch, Relaxation.one_path(projection))
    assert not torch.isclose(other, language_model_loss(alone(batch), batch, 0.3, 0.2))


def several(space: RNNSpace, seed: int) -> Relaxation:
    """Return a discrete relaxation with up to three active edges per node."""
    generator = torch.Generator().manual_seed(seed)
    projection = {}
    for d in space.decisions:
        edges = len(d.sources)
        a = torch.zeros(d.shape, dtype=torch.float64)
        offered = [k for k, name in enumerate(d.operations) if name != d.absent]
        for i, edge in enumerate(torch.randperm(edges, generator=generator)[:3].tolist()):
            drawn = torch.randperm(len(offered), generator=generator)[: 2 if i == 0 else 1]
            a[edge, [offered[k] for k in drawn.tolist()]] = 1
        projection[d.name] = a
    return Relaxation.one_path(projection)


def by_architecture(space: RNNSpace, batch: TextBatch, point: Relaxation) -> dict[str, Tensor]:
    """∂L/∂A of each decision."""
    found = torch.autograd.grad(lossy(space, batch, point), list(point.weights.values()))
    return dict(zip(point.weights, found, strict=True))


@pytest.mark.parametrize("none", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_several_active_candidates_have_the_gradient_of_full_autograd(
    seed: int, none: bool
) -> None:
    space, batch, _ = made(seed, nodes=5, none=none)
    path = several(space, seed)
    assert {len(active) for active in path.active.values()} == {2, 3, 4}
    one, full = path.probed(), Relaxation.dense(path.weights).probed()
    losses = [lossy(space, batch, one), lossy(space, batch, full)]
    torch.testing.assert_close(*losses, rtol=0, atol=1e-12)
    hand = by_hand(space, batch, dict(full.weights))
    torch.testing.assert_close(losses[0], hand, rtol=1e-12, atol=1e-12)
    weights = [*space.parameters()]
    ours, theirs, equations = (
        torch.autograd.grad(loss, [*point.weights.values(), *weights])
        for loss, point in [(losses[0], one), (losses[1], full), (hand, full)]
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(ours, equations, rtol=1e-9, atol=1e-10)
    assert min(float(g.abs().max()) for g in theirs) > 1e-6


@pytest.mark.parametrize("none", [False, True])
@pytest.mark.parametrize("fraction", [0.5, 0.1])
def test_probes_are_their_factors_times_the_exact_gradient_and_the_others_zero(
    fraction: float, none: bool
) -> None:
    space, batch, _ = made(1, nodes=5, none=none)
    path = several(space, 1)
    exact = by_architecture(space, batch, path.probed())
    point = path.probed(fraction, torch.Generator().manual_seed(0))
    assert point.probes is not None
    skipped = 0
    for name, gradient in by_architecture(space, batch, point).items():
        factors = torch.zeros_like(gradient)
        for choice, factor in point.probes[name].items():
            factors[choice] = factor
        for choice in path.active[name]:
            factors[choice] = 1.0
        torch.testing.assert_close(gradient, factors * exact[name], rtol=1e-12, atol=1e-12)
        assert (gradient[factors == 0] == 0).all()
        skipped += int((factors == 0).sum())
    assert skipped > 10


def test_the_mean_over_all_draws_is_the_exact_gradient() -> None:
    space, batch, projection = made(2, nodes=2)
    path = Relaxation.one_path(projection)
    exact = by_architecture(space, batch, path.probed())
    idle = sorted({*product(range(2), range(4))} - {*path.active["node_2"]})
    draws = [*combinations(idle, 3)]
    assert len(draws) == 35
    total = torch.zeros(2, 4, dtype=torch.float64)
    for drawn in draws:
        probes: dict[str, Probes] = {"node_1": {}, "node_2": dict.fromkeys(drawn, 7 / 3)}
        total += by_architecture(space, batch, replace(path.probed(), probes=probes))["node_2"]
    torch.testing.assert_close(total / 35, exact["node_2"], rtol=1e-12, atol=1e-12)


def test_a_predecessor_of_which_nothing_is_probed_costs_no_product() -> None:
    space, batch, projection = made(0)
    path = Relaxation.one_path(projection)

    def products(point: Relaxation) -> float:
        """Multiply-adds of a state with a map at all time steps, in forward and backward pass."""
        with frozen(space.weights()), FlopCounterMode(display=False) as counter:
            by_architecture(space, batch, point)
        return counter.get_total_flops() / (STEPS * 2 * BATCH * UNITS * 2 * UNITS)

    none = products(replace(path.probed(), probes={name: {} for name in path.weights}))
    counts = []
    for fraction in (0.1, 0.3, 1.0):
        point = path.probed(fraction, torch.Generator().manual_seed(0))
        idle = 36 - 8  # pairs of a node and a predecessor that does not run
        if point.probes is not None:
            idle = sum(
                len({e for e, _ in point.probes[name]} - {e for e, _ in active})
                for name, active in path.active.items()
            )
        assert products(point) == pytest.approx(none + idle)
        counts.append(idle)
    assert 0 < counts[0] < counts[1] < counts[2] == 28


def test_an_architecture_step_takes_each_product_once() -> None:
    space, batch, projection = made(0)
    product = 2 * BATCH * UNITS * 2 * UNITS  # operations of one map at one time step
    decoder = 2 * STEPS * BATCH * UNITS * WORDS
    with frozen(space.weights()):
        relaxation = Relaxation.one_path(projection).probed()
        with FlopCounterMode(display=False) as counter:
            loss = lossy(space, batch, relaxation)
            torch.autograd.grad(loss, list(relaxation.weights.values()))
    forward = STEPS * (2 + 8) * product + decoder
    # The gradient passes all maps of nodes and state, except for those after the start.
    first = sum(int(a[0].any()) for a in projection.values())
    backward = (STEPS * 8 - first + STEPS - 1) * product + decoder
    idle = STEPS * (36 - 8) * product
    assert counter.get_total_flops() == forward + backward + idle


@pytest.mark.parametrize("backward", [False, True])
def test_a_step_is_freed_without_the_garbage_collector(backward: bool) -> None:
    space, batch, projection = made(0)
    gc.disable()
    try:
        relaxation = Relaxation.one_path(projection).probed()
        loss, watched = lossy(space, batch, relaxation), weakref.ref(batch.state)
        del batch
        assert watched() is not None  # the graph needs it
        if backward:
            torch.autograd.grad(loss, list(relaxation.weights.values()))
        del loss
        assert watched() is None
    finally:
        gc.enable()


def test_a_weight_step_runs_one_path_and_darts_all() -> None:
    space, batch, projection = made(0)
    product, decoder = 2 * BATCH * UNITS * 2 * UNITS, 2 * STEPS * BATCH * UNITS * WORDS
    for relaxation, nodes in (
        (Relaxation.one_path(projection), 8),
        (Relaxation.dense(projection), 36),
    ):
        with FlopCounterMode(display=False) as counter:
            lossy(space, batch, relaxation)
        assert counter.get_total_flops() == STEPS * (2 + nodes) * product + decoder


def test_the_state_is_handed_on_and_a_batch_may_run_again() -> None:
    space, batch, projection = made(0)
    relaxation = Relaxation.one_path(projection)
    first, state = lossy(space, batch, relaxation), batch.reader.state
    assert state.shape == (BATCH, UNITS)
    assert not state.requires_grad
    assert not torch.equal(state, batch.state)
    assert torch.equal(lossy(space, batch, relaxation), first)
    assert torch.equal(batch.reader.state, state)


def test_a_loss_that_is_no_number_is_refused() -> None:
    space, batch, projection = made(0)
    with torch.no_grad():
        space.words.bias[0] = float("nan")
    with pytest.raises(NaspError, match="loss is nan: lower learning_rate"):
        lossy(space, batch, Relaxation.one_path(projection))


def test_none_has_a_weight_and_computes_nothing() -> None:
    space, batch, projection = made(1, nodes=4, none=True)
    assert all(d.operations[0] == d.absent == "none" for d in space.decisions)
    assert all(not a[:, 0].any() for a in projection.values())
    weights = {n: a + 0.3 for n, a in projection.items()}
    assert float(lossy(space, batch, Relaxation.dense(weights)).detach()) == pytest.approx(
        float(by_hand(space, batch, weights).detach()), rel=1e-9
    )
    point = Relaxation.one_path(projection).probed()
    found = torch.autograd.grad(lossy(space, batch, point), list(point.weights.values()))
    dense = {n: a.clone().requires_grad_() for n, a in projection.items()}
    exact = torch.autograd.grad(by_hand(space, batch, dense), list(dense.values()))
    for mine, other in zip(found, exact, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-7, atol=1e-10)


def plain(outputs: LanguageModelOutput, batch: TextBatch) -> Tensor:
    return language_model_loss(outputs, batch, 0.0, 0.0)


def test_a_node_without_any_connection_is_zero() -> None:
    space, batch, projection = made(1, nodes=4, none=True)
    name = space.decisions[2].name
    projection[name] = torch.zeros_like(projection[name])
    projection[name][:, 0] = 1.0
    loss = lossy(space, batch, Relaxation.one_path(projection).probed())
    torch.testing.assert_close(loss, by_hand(space, batch, projection))


@pytest.mark.parametrize("name", ONE_SHOT)
def test_strategies_move_the_architecture_alone(name: str) -> None:
    generator = torch.Generator().manual_seed(2)
    space = RNNSpace(WORDS, UNITS, generator, nodes=3)
    step = WeightStep(torch.optim.SGD(space.weights(), lr=1.0))
    more = {"hessian": "finite"} if name == "darts2" else {}
    options = ONE_SHOT[name].Options(learning_rate=0.01, **more)
    strategy = ONE_SHOT[name](space, generator, options, step)
    batches = [made_batch(generator, dtype=torch.float32) for _ in range(2)]
    before = [p.detach().clone() for p in space.parameters()]
    a = {n: v.detach().clone() for n, v in strategy.scores().items()}
    for _ in range(2 if name == "enas" else 1):  # its first reward is the first average
        strategy.architecture_step(*(partial(loss_of, plain, space, batch) for batch in batches))
    assert all(torch.equal(p, q) for p, q in zip(space.parameters(), before, strict=True))
    moved = [not torch.equal(v, a[n]) for n, v in strategy.scores().items()]
    # The two paths that asng compares may agree in a decision.
    assert any(moved) if name == "asng" else all(moved)
