"""The contract test of strategies on shared weights."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.genotype import Genotype, projection_of
from nasp.core.relaxation import Relaxation
from nasp.metric import Metrics
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import RunContext
from nasp.search.one_shot import loss_of, one_shot_search
from nasp.search.task import Pairs
from nasp.strategies import Strategy
from nasp.testing.toys import ToyCNN, ToyOptions, ToyRNN, ToySpace, ToyTask
from nasp.training.loop import PhaseResult
from nasp.training.optimization import WeightStep

SPACES: dict[str, Any] = {"cnn": ToyCNN, "rnn": ToyRNN}


class StrategyContract:
    """Tests of a strategy. Inherit from it, and override the fixture `strategy`.

    Attributes:
        strategy: Fixture: the value of `--strategy`, a name or a mapping with options.
        space: Fixture: a toy space; those of `SPACES` by default.
    """

    @pytest.fixture
    def strategy(self) -> Any:
        """A name in `nasp.strategies.ONE_SHOT`, or a mapping of `name` and options."""
        raise NotImplementedError("override the fixture `strategy`")

    @pytest.fixture(params=SPACES)
    def space(self, request: pytest.FixtureRequest) -> Any:
        """A function that makes a toy space from a generator."""
        return SPACES[request.param]

    def test_the_same_seed_makes_the_same_search(self, strategy: Any, space: Any) -> None:
        """Another seed gives another search."""
        first, second = run_toy_search(strategy, space), run_toy_search(strategy, space)
        assert first.best == second.best
        assert without_times(first) == without_times(second)
        assert without_times(first) != without_times(run_toy_search(strategy, space, seed=1))

    @pytest.mark.parametrize("stop", [1, 3])
    def test_a_resumed_search_is_an_uninterrupted_one(
        self, strategy: Any, space: Any, stop: int, tmp_path: Path
    ) -> None:
        """For a kill at any epoch, in the warm-up too."""
        path = tmp_path / "checkpoint"
        with pytest.raises(Killed):
            run_toy_search(strategy, space, path=path, stop=stop)
        resumed, whole = run_toy_search(strategy, space, path=path), run_toy_search(strategy, space)
        assert resumed.best == whole.best
        assert without_times(resumed) == without_times(whole)
        again = run_toy_search(
            strategy, space, path=path, stop=1
        )  # the search has ended, so nothing runs
        assert without_times(again) == without_times(whole)

    def test_the_answer_is_no_epoch_of_the_warm_up(self, strategy: Any, space: Any) -> None:
        """Even if an epoch of the warm-up has the best validation."""
        outcome = run_toy_search(strategy, space, warm_up=3)
        assert outcome.best_epoch == 3
        last = run_toy_search(strategy, space, answer="last")
        assert last.best_epoch == len(last.history) - 1

    def test_the_genotype_is_the_projection(self, strategy: Any, space: Any) -> None:
        """It keeps the required number of edges for each decision, each with one operation."""
        made, _ = make_strategy(strategy, space)
        genotype = Genotype.from_json(made.genotype().to_json())
        projection = projection_of(made.space.decisions, genotype.choices)
        for decision in made.space.decisions:
            kept = projection[decision.name]
            assert torch.equal(kept, made.projection()[decision.name])
            assert kept.sum(1).max() == 1
            assert kept.sum() == decision.keep

    def test_an_architecture_step_moves_no_weight(self, strategy: Any, space: Any) -> None:
        """It changes only the architecture, and draws only from the generator."""
        made, task = make_strategy(strategy, space)
        weights = [p.detach().clone() for p in made.space.weights()]
        scores = {name: a.detach().clone() for name, a in made.scores().items()}
        global_state = torch.get_rng_state()
        for train, valid in task.batch_pairs(torch.Generator().manual_seed(1)):
            loss = made.architecture_step(
                partial(loss_of, task.loss, made.space, train),
                partial(loss_of, task.loss, made.space, valid),
            )
            assert loss.shape == ()
            assert not loss.requires_grad
        assert torch.equal(global_state, torch.get_rng_state())
        assert all(torch.equal(*pair) for pair in zip(made.space.weights(), weights, strict=True))
        assert any(not torch.equal(a, scores[name]) for name, a in made.scores().items())

    def test_weights_step_under_its_relaxation(self, strategy: Any, space: Any) -> None:
        """Each candidate that runs gets a gradient, and the penalty, if any, is a scalar."""
        made, task = make_strategy(strategy, space)
        train, _ = next(iter(task.batch_pairs(torch.Generator().manual_seed(1))))
        loss = loss_of(task.loss, made.space, train, made.weight_relaxation())
        gradients = torch.autograd.grad(loss, made.space.weights(), allow_unused=True)
        assert any(g is not None and g.abs().max() > 0 for g in gradients)
        penalty = made.weight_penalty()
        assert penalty is None or penalty.shape == ()

    def test_start_from_sets_the_genotype(self, strategy: Any, space: Any) -> None:
        """Before the first step, the genotype is the given architecture."""
        made, _ = make_strategy(strategy, space)
        choices = {
            d.name: tuple((s, d.operations[-1]) for s in d.sources[: d.keep])
            for d in made.space.decisions
        }
        made.start_from(choices, margin=0.2)
        assert made.genotype().choices == choices

    def test_absence_is_never_kept(self, strategy: Any) -> None:
        """Even if "no connection" has almost the smallest loss and a large weight."""
        for seed in range(4):
            made, task = make_strategy(strategy, Absence, seed)
            random = torch.Generator().manual_seed(seed)
            for _ in range(4):
                for train, valid in task.batch_pairs(random):
                    assert "none" not in str(made.genotype())
                    made.architecture_step(
                        partial(loss_of, task.loss, made.space, train),
                        partial(loss_of, task.loss, made.space, valid),
                    )
            assert "none" not in str(made.genotype())


class Killed(Exception):
    """Raised in place of the end of a process."""


class _KilledTask(ToyTask):
    """Raises `Killed` in the last step of an epoch."""

    stop = 0
    begun = 0

    def batch_pairs(self, generator: torch.Generator) -> Pairs:
        self.begun += 1
        for step, pair in enumerate(super().batch_pairs(generator)):
            if self.begun == self.stop and step == self.options.steps - 1:
                raise Killed
            yield pair


def run_toy_search(
    strategy: Any,
    space: Any,
    seed: int = 0,
    path: Path | None = None,
    stop: int = 0,
    **options: Any,
) -> PhaseResult:
    """Run a search of four epochs of three steps.

    Args:
        strategy: See `StrategyContract.strategy`.
        space: Makes the space.
        seed: Seed of the search.
        path: Folder of a checkpoint, which is written after each epoch and resumed from.
        stop: Epoch in which `Killed` is raised, counted from 1; 0 for none.
        options: Further options of `ToyOptions`.
    """
    task = _KilledTask(space, ToyOptions(strategy=strategy, **options))
    task.stop = stop
    checkpoint = Checkpoint(path, resume=True)
    write = checkpoint.put
    checkpoint.put = lambda section, state, **_: write(section, state, now=True)  # type: ignore[method-assign]
    return one_shot_search("search", task, 0, seed, RunContext(checkpoint))


def make_strategy(strategy: Any, space: Any, seed: int = 0) -> tuple[Strategy, ToyTask]:
    """Make a strategy on a toy space, and the task."""
    from nasp.registry import class_and_options

    task = ToyTask(space, ToyOptions(strategy=strategy))
    found, options = class_and_options(task.options, "strategy")
    generator = torch.Generator().manual_seed(seed)
    made = task.space(generator, found.dense)
    step = WeightStep(task.optimizer(made.weights()))
    return found(made, generator, options, step), task


def without_times(outcome: PhaseResult) -> list[Metrics]:
    """Return the history without the times, which differ from run to run."""
    return [{k: v for k, v in m.items() if not k.startswith("time/")} for m in outcome.history]


class Absence(ToySpace):
    """Two decisions with an operation that means "no connection", and a quadratic loss.

    Args:
        generator: Not used.
    """

    name = "absence"

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.decisions = (
            Decision("a", ("p", "q"), ("none", "x", "y"), (0, 1, 1), 2, absent="none"),
            Decision("b", ("p", "q", "r"), ("x", "none"), (1, 0), absent="none"),
        )
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, batch: Tensor, relaxation: Relaxation) -> Tensor:
        """Return the sum of both nodes."""

        def run(edge: int, operation: int, names: tuple[str, ...]) -> Tensor:
            factor = {"none": 0.0, "x": 1.0, "y": -1.0}[names[operation]]
            return factor * self.scale * (edge + 1) * batch

        a, b = (relaxation.mix(d.name, partial(run, names=d.operations)) for d in self.decisions)
        return a + b

    def loss(self, outputs: Tensor, batch: Tensor) -> Tensor:
        return (
            (outputs - 0.1 * batch).square().mean()
        )  # "no connection" alone has almost the smallest loss

    def batches(self, generator: torch.Generator) -> Iterator[Tensor]:
        while True:
            yield torch.randn(9, generator=generator)
