"""What every strategy promises, over the registry and the toy spaces."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from nasp.core.decision import Decision
from nasp.core.genotype import Genotype, choices_of, projection_of
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.errors import NaspError
from nasp.metric import Metrics
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import Run
from nasp.samplers import SAMPLERS, Proposal
from nasp.search.one_shot import _loss, run_trials, search
from nasp.strategies import ONE_SHOT, Strategy, StrategyOptions
from nasp.training.loop import Outcome
from nasp.training.optimization import WeightStep
from tests.nasp.toys import TOYS

every_strategy = pytest.mark.parametrize("name", ONE_SHOT)
every_sampler = pytest.mark.parametrize("name", SAMPLERS)
every_space = pytest.mark.parametrize("kind", TOYS)


class Killed(Exception):
    """Stands for the end of a process."""


def made(
    name: str, kind: str, seed: int = 0, probe_fraction: float = 1.0
) -> tuple[Strategy, torch.Generator]:
    generator = torch.Generator().manual_seed(seed)
    space = TOYS[kind](generator)
    optimizer = torch.optim.Adagrad(space.weights(), lr=0.05)
    options = StrategyOptions(
        learning_rate=0.01, probe_fraction=probe_fraction, weight_step=WeightStep(optimizer)
    )
    return ONE_SHOT[name](space, generator, options), generator


def ran(
    name: str,
    kind: str,
    seed: int = 0,
    path: Path | None = None,
    stop: int = 9,
    probe_fraction: float = 1.0,
) -> Outcome:
    """Four epochs of three steps; `stop` raises in that epoch, as a kill would."""
    strategy, generator = made(name, kind, seed, probe_fraction)
    space = strategy.space
    judge = next(space.batches(torch.Generator().manual_seed(99)))
    epochs = 0

    def pairs() -> Any:
        nonlocal epochs
        epochs += 1
        batches = space.batches(generator)
        for step in range(3):
            if epochs == stop and step == 2:
                raise Killed
            yield next(batches), next(batches)

    def evaluate(relaxation: Relaxation) -> Metrics:
        return {"valid/loss": float(space(judge, relaxation).detach())}

    checkpoint = Checkpoint(path, {"strategy": name}, resume=True)
    write = checkpoint.put
    checkpoint.put = lambda section, state, **_: write(section, state, now=True)  # type: ignore[method-assign]
    return search(
        "search",
        strategy,
        strategy.options.weight_step.optimizer,  # type: ignore[union-attr]
        pairs,
        evaluate,
        epochs=4,
        warm_up=1,
        monitor="valid/loss",
        generator=generator,
        run=Run(checkpoint),
    )


def without_time(outcome: Outcome) -> list[Metrics]:
    return [{k: v for k, v in m.items() if not k.startswith("time/")} for m in outcome.history]


@every_strategy
@every_space
def test_same_seed_same_search(name: str, kind: str) -> None:
    first, second = ran(name, kind), ran(name, kind)
    assert first.best == second.best
    assert without_time(first) == without_time(second)
    assert without_time(first) != without_time(ran(name, kind, seed=1))


@every_strategy
@every_space
@pytest.mark.parametrize("stop", [1, 3])
def test_resumed_is_uninterrupted(name: str, kind: str, stop: int, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    with pytest.raises(Killed):
        ran(name, kind, path=path, stop=stop)
    resumed, whole = ran(name, kind, path=path), ran(name, kind)
    assert resumed.best == whole.best
    assert without_time(resumed) == without_time(whole)
    assert without_time(ran(name, kind, path=path, stop=1)) == without_time(whole)


@every_space
def test_sampled_probes_resume_as_uninterrupted(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    with pytest.raises(Killed):
        ran("nasp", kind, path=path, stop=3, probe_fraction=0.4)
    resumed, whole = (ran("nasp", kind, path=p, probe_fraction=0.4) for p in (path, None))
    assert resumed.best == whole.best
    assert without_time(resumed) == without_time(whole)
    assert without_time(whole) != without_time(ran("nasp", kind))


@every_strategy
@every_space
def test_genotype_is_the_projection(name: str, kind: str) -> None:
    strategy, _ = made(name, kind)
    genotype = Genotype.from_json(strategy.genotype().to_json())
    projection = projection_of(strategy.space.decisions, genotype.choices)
    for decision in strategy.space.decisions:
        kept = projection[decision.name]
        assert torch.equal(kept, strategy.projection()[decision.name])
        assert kept.sum(1).max() == 1
        assert kept.sum() == decision.keep


@every_strategy
@every_space
def test_each_tensor_has_one_owner(name: str, kind: str) -> None:
    strategy, generator = made(name, kind)
    space = strategy.space
    weights = {id(p) for p in space.weights()}
    architecture = {id(p) for p in strategy.parameters}
    assert not weights & architecture
    assert {id(p) for p in space.parameters()} <= weights | architecture
    batches = space.batches(generator)
    before = [p.detach().clone() for p in space.weights()]
    a = {n: v.detach().clone() for n, v in strategy.architecture.values().items()}
    train, valid = (partial(_loss, space, next(batches)) for _ in range(2))
    strategy.architecture_step(train, valid)
    assert all(torch.equal(p, q) for p, q in zip(space.weights(), before, strict=True))
    assert any(not torch.equal(v, a[n]) for n, v in strategy.architecture.values().items())


@every_strategy
def test_begin_at_starts_there(name: str) -> None:
    strategy, _ = made(name, "cnn")
    choices = {
        d.name: tuple((s, d.operations[2]) for s in d.sources[:2]) for d in strategy.space.decisions
    }
    strategy.begin_at(choices, margin=0.2)
    assert strategy.genotype().choices == choices


@every_strategy
def test_a_starts_as_in_the_authors_code(name: str) -> None:
    strategy, _ = made(name, "rnn")
    a = torch.cat([v.detach().flatten() for v in strategy.architecture.values().values()])
    if "darts" in name:
        assert 0 < a.abs().max() < 5e-3
        assert abs(float(a.mean())) < 1e-3
    else:
        assert (a == 0.5).all()
    kept = {str(made(name, "cnn", seed)[0].genotype()) for seed in range(8)}
    assert len(kept) > 4  # equal values are told apart at random, not by position


class Absence(SearchSpace):
    """Two decisions, each with an operation that means absence, and a quadratic loss."""

    name = "absence"

    def __init__(self) -> None:
        super().__init__()
        self.decisions = (
            Decision("a", ("p", "q"), ("none", "x", "y"), (0, 1, 1), 2, absent="none"),
            Decision("b", ("p", "q", "r"), ("x", "none"), (1, 0), absent="none"),
        )
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, batch: tuple[torch.Tensor], relaxation: Relaxation) -> torch.Tensor:
        (x,) = batch

        def run(edge: int, operation: int, names: tuple[str, ...]) -> torch.Tensor:
            factor = {"none": 0.0, "x": 1.0, "y": -1.0}[names[operation]]
            return factor * self.scale * (edge + 1) * x

        nodes = [relaxation.mix(d.name, partial(run, names=d.operations)) for d in self.decisions]
        return (sum(nodes) - 0.1 * x).square().mean()  # absence alone would be nearly right

    def genotype(self, choices: Any) -> Genotype:
        return Genotype(self.name, choices)


@every_strategy
def test_absence_is_never_kept(name: str) -> None:
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        space = Absence()
        step = WeightStep(torch.optim.SGD(space.weights(), lr=0.01))
        options = StrategyOptions(learning_rate=0.1, weight_step=step)
        strategy = ONE_SHOT[name](space, generator, options)
        for _ in range(12):
            loss = partial(_loss, space, (torch.randn(9, generator=generator),))
            assert "none" not in str(strategy.genotype())
            strategy.architecture_step(loss, loss)
        assert "none" not in str(strategy.genotype())


@every_sampler
def test_absence_is_never_proposed(name: str) -> None:
    sampler = SAMPLERS[name](Absence().decisions, torch.Generator().manual_seed(0), 2)
    results = run_trials(sampler, lambda position, proposal: float(position % 5), 80)
    proposed = {str(p.choices) for _, p in results}
    assert not any("none" in text for text in proposed)
    if name == "exhaustive":
        assert len(proposed) == 4 * 3


def test_a_genotype_that_keeps_absence_is_refused() -> None:
    choices = {"a": (("p", "none"), ("q", "x")), "b": (("r", "x"),)}
    with pytest.raises(NaspError, match=r"no 'none' on 'p': operations are x, y"):
        projection_of(Absence().decisions, choices)


def test_nasp_keeps_a_in_the_unit_interval() -> None:
    generator = torch.Generator().manual_seed(0)
    space = TOYS["cf"](generator)
    strategy = ONE_SHOT["nasp"](space, generator, StrategyOptions(learning_rate=0.4))
    batches = space.batches(generator)
    for _ in range(8):
        loss = partial(_loss, space, next(batches))
        strategy.architecture_step(loss, loss)
        (a,) = strategy.architecture.values().values()
        assert a.min() >= 0
        assert a.max() <= 1


def test_eta_prefers_operations_of_few_parameters() -> None:
    def weight_of_convolutions(eta: float) -> float:
        generator = torch.Generator().manual_seed(3)
        space: SearchSpace = TOYS["cnn"](generator)
        options = StrategyOptions(learning_rate=0.02, eta=eta)
        strategy = ONE_SHOT["nasp"](space, generator, options)
        batches = space.batches(generator)
        for _ in range(40):
            loss = partial(_loss, space, next(batches))
            strategy.architecture_step(loss, loss)
        return sum(float(a[:, 1].sum().detach()) for a in strategy.architecture.values().values())

    free, priced = weight_of_convolutions(0.0), weight_of_convolutions(1.0)
    assert priced < free - 0.1


@every_sampler
@every_space
@pytest.mark.parametrize("continuous", [0, 7])
def test_a_sampler_asks_for_valid_architectures_by_its_seed(
    name: str, kind: str, continuous: int
) -> None:
    decisions = TOYS[kind](torch.Generator().manual_seed(0)).decisions

    def asked(seed: int, trials: int) -> list[tuple[float, Proposal]]:
        sampler = SAMPLERS[name](decisions, torch.Generator().manual_seed(seed), continuous)
        return run_trials(sampler, lambda position, proposal: float(position % 5), trials)

    first = asked(0, 20)
    assert first == asked(0, 20)
    assert first != asked(1, 20)
    assert first[:13] == asked(0, 13)
    assert [score for score, _ in first] == [float(i % 5) for i in range(20)]
    for _, proposal in first:
        assert choices_of(decisions, projection_of(decisions, proposal.choices)) == proposal.choices
        assert len(proposal.offsets) in {0, continuous}
        assert all(isinstance(offset, float) for offset in proposal.offsets)


@every_sampler
def test_a_sampler_draws_from_its_generator_only(name: str) -> None:
    decisions = TOYS["cnn"](torch.Generator().manual_seed(0)).decisions
    before = torch.get_rng_state()
    sampler = SAMPLERS[name](decisions, torch.Generator().manual_seed(0), 2)
    run_trials(sampler, lambda position, proposal: float(position), 12)
    assert torch.equal(before, torch.get_rng_state())


@every_sampler
def test_a_sampler_stands_a_space_with_nothing_to_decide(name: str) -> None:
    decisions = (Decision("only", ("a", "b"), ("op",), (0,), keep=2),)
    sampler = SAMPLERS[name](decisions, torch.Generator().manual_seed(0))
    results = run_trials(sampler, lambda position, proposal: 1.0, 12)
    assert [p.choices for _, p in results] == [{"only": (("a", "op"), ("b", "op"))}] * 12


def test_a_score_that_is_no_number_is_a_failed_trial() -> None:
    decisions = TOYS["cnn"](torch.Generator().manual_seed(0)).decisions
    sampler = SAMPLERS["random"](decisions, torch.Generator().manual_seed(0))
    results = run_trials(sampler, lambda position, proposal: [1.0, math.nan, 2.0][position], 3)
    assert [score for score, _ in results] == [1.0, math.inf, 2.0]
