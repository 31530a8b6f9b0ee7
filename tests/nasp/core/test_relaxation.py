"""The one-path gradient equals that of full autograd, for decisions of all three spaces."""

import gc
import math
import weakref
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations, product

import pytest
import torch
from torch import Tensor

from nasp.core.parameters import Architecture
from nasp.core.relaxation import Probes, Relaxation
from nasp.core.space import SearchSpace
from tests.nasp.toys import TOYS


@pytest.mark.parametrize("kind", TOYS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
@pytest.mark.parametrize("seed", range(5))
def test_one_path_gradient_equals_full_autograd(
    kind: str, dtype: torch.dtype, tolerance: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    space = TOYS[kind](generator).to(dtype)
    batch = next(space.batches(generator))
    projection = Architecture(space.decisions, generator).to(dtype).projection()
    probed = Relaxation.one_path(projection).probed()
    full = Relaxation.dense(projection).probed()
    losses, gradients = [], []
    for relaxation in (probed, full):
        loss = space.loss(space(batch, relaxation), batch)
        inputs = [*relaxation.weights.values(), *space.parameters()]
        losses.append(loss)
        gradients.append(torch.autograd.grad(loss, inputs, materialize_grads=True))
    assert torch.allclose(*losses, rtol=tolerance, atol=tolerance)
    for ours, exact in zip(*gradients, strict=True):
        assert (ours - exact).norm() <= tolerance * exact.norm().clamp(min=1e-3)


def several(kind: str, seed: int) -> tuple[SearchSpace, object, Relaxation]:
    """Return a toy space in float64, a batch, and a relaxation with several active candidates.

    The first edge has two active operations, and the last one has one.
    """
    generator = torch.Generator().manual_seed(seed)
    space = TOYS[kind](generator).double()
    projection = {}
    for d in space.decisions:
        a = torch.zeros(d.shape, dtype=torch.float64)
        first = torch.randperm(d.shape[1], generator=generator)[:2]
        a[0, first] = 1
        a[-1, int(torch.randint(d.shape[1], (), generator=generator))] = 1
        projection[d.name] = a
    return space, next(space.batches(generator)), Relaxation.one_path(projection)


def gradients(space: SearchSpace, batch: object, relaxation: Relaxation) -> dict[str, Tensor]:
    """∂L/∂A of each decision."""
    loss = space.loss(space(batch, relaxation), batch)
    found = torch.autograd.grad(loss, list(relaxation.weights.values()))
    return dict(zip(relaxation.weights, found, strict=True))


@pytest.mark.parametrize("kind", TOYS)
@pytest.mark.parametrize("seed", range(3))
def test_several_active_candidates_have_the_gradient_of_full_autograd(kind: str, seed: int) -> None:
    space, batch, path = several(kind, seed)
    assert all(len(active) >= 2 for active in path.active.values())
    found = gradients(space, batch, path.probed())
    exact = gradients(space, batch, Relaxation.dense(path.weights).probed())
    torch.testing.assert_close(found, exact, rtol=1e-10, atol=1e-12)
    assert all(g.abs().max() > 1e-6 for g in exact.values())


@pytest.mark.parametrize("kind", TOYS)
def test_probes_are_their_factors_times_the_exact_gradient_and_the_others_zero(kind: str) -> None:
    space, batch, path = several(kind, 0)
    exact = gradients(space, batch, Relaxation.dense(path.weights).probed())
    point = path.probed(0.4, torch.Generator().manual_seed(1))
    assert point.probes is not None
    skipped = 0
    for name, gradient in gradients(space, batch, point).items():
        factors = torch.zeros_like(gradient)
        for choice, factor in point.probes[name].items():
            factors[choice] = factor
        for choice in path.active[name]:
            factors[choice] = 1.0
        skipped += int((factors == 0).sum())
        torch.testing.assert_close(gradient, factors * exact[name], rtol=1e-10, atol=1e-12)
        assert (gradient[factors == 0] == 0).all()
    assert skipped >= 5


@pytest.mark.parametrize(("kind", "count"), [("cnn", 2), ("rnn", 2), ("cf", 1)])
def test_the_mean_over_all_draws_is_the_exact_gradient(kind: str, count: int) -> None:
    space, batch, path = several(kind, 2)
    exact = gradients(space, batch, path.probed())
    name = space.decisions[min(1, len(space.decisions) - 1)].name
    edges, operations = path.weights[name].shape
    idle = sorted({*product(range(edges), range(operations))} - {*path.active[name]})
    draws = [*combinations(idle, count)]
    total = torch.zeros_like(exact[name])
    for drawn in draws:
        probes: dict[str, Probes] = {other: {} for other in path.weights}
        probes[name] = dict.fromkeys(drawn, len(idle) / count)
        total += gradients(space, batch, replace(path.probed(), probes=probes))[name]
    torch.testing.assert_close(total / len(draws), exact[name], rtol=1e-10, atol=1e-12)


def test_only_the_path_runs_forward_and_the_rest_once_backward() -> None:
    calls: list[tuple[int, int, bool]] = []
    x = torch.ones(3, requires_grad=True)

    def run(edge: int, operation: int) -> torch.Tensor:
        calls.append((edge, operation, torch.is_grad_enabled()))
        return (1 + operation + 10 * edge) * x

    projection = {"d": torch.tensor([[0.0, 1.0], [0.0, 0.0]])}
    value = Relaxation.one_path(projection).mix("d", run)
    assert calls == [(0, 1, True)]
    assert value.tolist() == [2.0, 2.0, 2.0]
    calls.clear()
    point = Relaxation.one_path(projection).probed()
    point.mix("d", run).sum().backward()
    assert calls[0] == (0, 1, True)
    assert sorted(calls[1:]) == [(0, 0, False), (1, 0, False), (1, 1, False)]
    gradient = point.weights["d"].grad
    assert gradient is not None
    assert gradient.tolist() == [[3.0, 6.0], [33.0, 36.0]]


def test_a_sum_of_what_runs_may_take_the_place_of_single_calls() -> None:
    calls, x = list[tuple[int, int]](), torch.ones(3, requires_grad=True)

    def run(edge: int, operation: int) -> torch.Tensor:
        calls.append((edge, operation))
        return (1 + operation + 10 * edge) * x

    point = Relaxation.one_path({"d": torch.tensor([[0.0, 1.0], [1.0, 0.0]])}).probed()
    value = point.mix("d", run, total=lambda active: sum(10 * e + k + 1 for e, k in active) * x)
    assert calls == []
    assert value.tolist() == [13.0, 13.0, 13.0]
    value.sum().backward()
    assert sorted(calls) == [(0, 0), (0, 1), (1, 0), (1, 1)]  # no probe is given
    gradient = point.weights["d"].grad
    assert gradient is not None
    assert gradient.tolist() == [[3.0, 6.0], [33.0, 36.0]]


def test_an_architecture_step_takes_no_gradient_of_weights() -> None:
    generator = torch.Generator().manual_seed(0)
    space = TOYS["cnn"](generator)
    point = Relaxation.one_path(Architecture(space.decisions, generator).projection()).probed()
    batch = next(space.batches(generator))
    loss = space.loss(space(batch, point), batch)
    torch.autograd.grad(loss, list(point.weights.values()), allow_unused=True)
    assert all(parameter.grad is None for parameter in space.parameters())


PROJECTION = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])  # 7 are idle
VALUES = torch.tensor([[3.0, 5.0, 7.0], [11.0, 13.0, 17.0], [19.0, 23.0, 29.0]])


def sampled(
    fraction: float, generator: torch.Generator | None
) -> tuple[torch.Tensor, list[tuple[int, int]]]:
    """Return ∂L/∂A of L = 2 · node with candidates VALUES[e, k], and the candidates evaluated."""
    probed = []

    def run(edge: int, operation: int) -> torch.Tensor:
        if not torch.is_grad_enabled():
            probed.append((edge, operation))
        return VALUES[edge, operation].clone().requires_grad_()

    point = Relaxation.one_path({"d": PROJECTION}).probed(fraction, generator)
    (2.0 * point.mix("d", run)).backward()
    gradient = point.weights["d"].grad
    assert gradient is not None
    return gradient, probed


@pytest.mark.parametrize(("fraction", "count"), [(0.5, 4), (0.01, 1)])
def test_sampled_probes_have_the_exact_gradient_as_their_mean(fraction: float, count: int) -> None:
    generator = torch.Generator().manual_seed(0)
    exact, active, draws = 2.0 * VALUES, PROJECTION.bool(), 400
    total = torch.zeros(3, 3)
    for _ in range(draws):
        gradient, probed = sampled(fraction, generator)
        assert torch.equal(gradient[active], exact[active])
        idle = gradient[~active]
        assert len(probed) == len(set(probed)) == int(idle.count_nonzero()) == count
        ratios = (idle / exact[~active]).unique()
        torch.testing.assert_close(ratios, torch.tensor([0.0, 7 / count]))
        total += gradient
    # An inactive one is 7/count times the exact value with probability count/7 (Bernoulli).
    deviation = math.sqrt((7 / count - 1) / draws)
    assert ((total / draws / exact - 1).abs() <= 4 * deviation).all()


def test_all_probes_are_the_exact_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    gradient, probed = sampled(1.0, generator)
    assert torch.equal(gradient, 2.0 * VALUES)
    assert len(probed) == 7
    # Nothing was drawn: the generator's state is the same.
    assert torch.equal(generator.get_state(), torch.Generator().manual_seed(0).get_state())


def test_probes_are_drawn_by_the_seed_alone() -> None:
    def drawn(seed: int) -> list[list[tuple[int, int]]]:
        generator = torch.Generator().manual_seed(seed)
        return [sampled(0.5, generator)[1] for _ in range(5)]

    before = torch.get_rng_state()
    assert drawn(1) == drawn(1) != drawn(2)
    assert len({tuple(probed) for probed in drawn(1)}) > 1
    assert torch.equal(before, torch.get_rng_state())


def test_a_decision_without_idle_candidates_has_nothing_to_draw() -> None:
    point = Relaxation.one_path({"d": torch.ones(1, 1)}).probed(0.5, torch.Generator())
    value = point.mix("d", lambda edge, operation: torch.tensor(3.0, requires_grad=True))
    assert torch.autograd.grad(value, point.weights["d"])[0].tolist() == [[3.0]]


STEPS, SIZE = 4, 3


class Recorder:
    """A probe of `chain`, which records its calls."""

    def __init__(self) -> None:
        self.states: list[Tensor] = []
        self.gradients: list[Tensor] = []
        self.probes: list[Probes | None] = []

    def __call__(self, gradient: Tensor, probes: Probes | None) -> Tensor:
        assert not torch.is_grad_enabled()
        self.gradients.append(gradient)
        self.probes.append(probes)
        states = torch.stack(self.states)
        outputs = torch.stack([states.sin(), states * 2])  # (operations, calls, size)
        exact = (gradient * outputs).sum((1, 2)).view(1, 2)
        factors = [1.0 if probes is None else probes.get((0, k), 0.0) for k in range(2)]
        return exact * torch.tensor(factors)


def chain(relaxation: Relaxation, recorder: Recorder, x: Tensor, used: int = STEPS) -> Tensor:
    """Pass a state through a decision at each step; the loss uses the first `used` states."""
    state, loss = x, x.new_zeros(())
    for step in range(STEPS):
        recorder.states.append(state.detach())

        def run(edge: int, operation: int, state: Tensor = state) -> Tensor:
            return state.sin() if operation == 0 else state * 2

        state = relaxation.mix("d", run)
        if step < used:
            loss = loss + state.square().sum()
    return loss


PATH = Relaxation.one_path({"d": torch.tensor([[1.0, 0.0]])})


@pytest.mark.parametrize("used", [STEPS, 2])
def test_a_repeated_decision_is_probed_once_with_the_gradients_of_all_calls(used: int) -> None:
    x = torch.tensor([0.3, 1.0, -2.0])
    plain = PATH.probed()
    (exact,) = torch.autograd.grad(chain(plain, Recorder(), x, used), plain.weights["d"])
    point, recorder = PATH.probed(), Recorder()
    loss = chain(point.repeated({"d": recorder}), recorder, x, used)
    for turn in (1, 2):  # a second backward pass gives the same
        (found,) = torch.autograd.grad(loss, point.weights["d"], retain_graph=True)
        torch.testing.assert_close(found, exact)
        assert len(recorder.gradients) == turn
        gradient = recorder.gradients[-1]
        assert gradient.shape == (STEPS, SIZE)
        assert gradient[:used].all()
        assert not gradient[used:].any()
        assert recorder.probes[-1] is None


def test_a_repeated_decision_hands_its_probes_on_with_those_that_run() -> None:
    point, recorder = replace(PATH.probed(), probes={"d": {(0, 1): 5.0}}), Recorder()
    loss = chain(point.repeated({"d": recorder}), recorder, torch.ones(SIZE))
    (found,) = torch.autograd.grad(loss, point.weights["d"])
    assert recorder.probes == [{(0, 0): 1.0, (0, 1): 5.0}]
    exact = PATH.probed()
    (all_of_it,) = torch.autograd.grad(
        chain(exact, Recorder(), torch.ones(SIZE)), exact.weights["d"]
    )
    torch.testing.assert_close(found, all_of_it * torch.tensor([[1.0, 5.0]]))


def test_a_pass_that_leaves_a_repeated_decision_out_changes_nothing() -> None:
    point, recorder = PATH.probed(), Recorder()
    x = torch.ones(SIZE, requires_grad=True)
    loss = chain(point.repeated({"d": recorder}), recorder, x)
    torch.autograd.grad(loss, x, retain_graph=True)
    assert recorder.gradients == []
    (found,) = torch.autograd.grad(loss, point.weights["d"])
    exact = PATH.probed()
    (plain,) = torch.autograd.grad(chain(exact, Recorder(), x), exact.weights["d"])
    torch.testing.assert_close(found, plain)


def test_a_repeated_decision_that_the_loss_does_not_depend_on_has_gradient_zero() -> None:
    point, recorder = PATH.probed(), Recorder()
    repeated = point.repeated({"d": recorder})
    loss = repeated.weights["d"].sum() * 3
    assert torch.autograd.grad(loss, point.weights["d"])[0].tolist() == [[3.0, 3.0]]
    assert recorder.gradients == []


@pytest.mark.parametrize("kind", ["no gradient", "under no_grad", "dense", "without a probe"])
def test_nothing_is_collected_where_no_probe_is_called(kind: str) -> None:
    recorder, x = Recorder(), torch.ones(SIZE)
    point = {"no gradient": PATH, "dense": Relaxation.dense(PATH.weights).probed()}.get(
        kind, PATH.probed()
    )
    probes: Mapping[str, Recorder] = {} if kind == "without a probe" else {"d": recorder}
    with torch.set_grad_enabled(kind != "under no_grad"):
        loss = chain(point.repeated(probes), recorder, x)
    assert loss.requires_grad == (kind in {"dense", "without a probe"})
    if loss.requires_grad:
        (found,) = torch.autograd.grad(loss, point.weights["d"])
        plain = PATH.probed()
        (exact,) = torch.autograd.grad(chain(plain, Recorder(), x), plain.weights["d"])
        torch.testing.assert_close(found, exact)
    assert recorder.gradients == []


@pytest.mark.parametrize("repeated", [False, True])
def test_second_derivatives_are_refused_and_not_wrong(repeated: bool) -> None:
    point, recorder = PATH.probed(), Recorder()
    used = point.repeated({"d": recorder}) if repeated else point
    loss = chain(used, recorder, torch.ones(SIZE))
    with pytest.raises(RuntimeError, match="no second derivatives"):
        torch.autograd.grad(loss, point.weights["d"], create_graph=True)


@pytest.mark.parametrize("backward", [False, True])
def test_a_repeated_decision_is_freed_without_the_garbage_collector(backward: bool) -> None:
    point, recorder = PATH.probed(), Recorder()
    gc.disable()
    try:
        x = torch.ones(SIZE, requires_grad=True)
        inner = x * 1  # the square below saves it for its backward pass
        loss = chain(point.repeated({"d": recorder}), recorder, inner.square())
        watched = weakref.ref(inner)
        del inner
        assert watched() is not None  # the graph needs it
        if backward:
            torch.autograd.grad(loss, point.weights["d"])
        del loss
        assert watched() is None
    finally:
        gc.enable()
