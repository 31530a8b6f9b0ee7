"""The contract test of tasks and their spaces."""

from pathlib import Path
from typing import Any

import pytest
import torch

from nasp.core.genotype import Genotype, choices_of, projection_of
from nasp.core.parameters import Architecture
from nasp.core.relaxation import Relaxation
from nasp.metric import Metrics
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import RunContext
from nasp.runs.trial_store import TrialStore
from nasp.search import SearchResult, Task, run_search
from nasp.search.one_shot import loss_of


class TaskContract:
    """Tests of a task and its space. Inherit from it, and override the fixture `task`.

    Attributes:
        task: Fixture: a task with the options of a search, which takes a second or two.
        tolerance: Largest relative difference between the one-path gradient and full autograd in
            float32.
    """

    tolerance = 1e-4

    @pytest.fixture
    def task(self) -> Any:
        """The task."""
        raise NotImplementedError("override the fixture `task`")

    def test_the_one_path_gradient_is_that_of_full_autograd(self, task: Task) -> None:
        """For all candidates, including inactive ones."""
        space, batch, projection = at_a_point(task)
        gradients = []
        for made in (Relaxation.one_path, Relaxation.dense):
            relaxation = made(projection).probed()
            loss = loss_of(task.loss, space, batch, relaxation)
            gradients.append(torch.autograd.grad(loss, list(relaxation.weights.values())))
        ours, exact = (torch.cat([g.flatten() for g in found]) for found in gradients)
        assert exact.abs().max() > 0
        assert (ours - exact).norm() <= self.tolerance * exact.norm()

    def test_only_the_path_learns(self, task: Task) -> None:
        """Weights off the path have no gradient, and the loss is a scalar."""
        space, batch, projection = at_a_point(task)
        loss = loss_of(task.loss, space, batch, Relaxation.one_path(projection))
        assert loss.shape == ()
        gradients = torch.autograd.grad(loss, space.weights(), allow_unused=True)
        assert any(g is not None and g.abs().max() > 0 for g in gradients)

    def test_weights_and_architecture_are_disjoint(self, task: Task) -> None:
        """Each parameter is of exactly one kind."""
        space = task.space(torch.Generator().manual_seed(0), dense=False)
        weights, architecture = (
            {id(p) for p in part} for part in (space.weights(), space.architecture())
        )
        assert not weights & architecture
        assert weights | architecture == {id(p) for p in space.parameters()}

    def test_a_genotype_is_what_the_projection_keeps(self, task: Task) -> None:
        """It can be written and read, and gives back the projection."""
        space, _, projection = at_a_point(task)
        genotype = space.genotype(choices_of(space.decisions, projection))
        assert Genotype.from_json(genotype.to_json()) == genotype
        for name, a in projection_of(space.decisions, genotype.choices).items():
            assert torch.equal(a, projection[name])

    def test_an_epoch_pairs_every_training_batch_with_a_validation_batch(self, task: Task) -> None:
        """Equal generators give equal epochs, and no global random number is drawn."""
        before = torch.get_rng_state()
        counts = []
        for _ in range(2):
            pairs = list(task.batch_pairs(torch.Generator().manual_seed(5)))
            counts.append([(task.examples(a), task.examples(b)) for a, b in pairs])
        assert counts[0] == counts[1]
        assert counts[0]
        assert all(first > 0 and second > 0 for first, second in counts[0])
        assert torch.equal(before, torch.get_rng_state())

    def test_validation_has_all_metrics(self, task: Task) -> None:
        """Evaluation returns all metrics, the monitored one first, and changes nothing."""
        space, _, projection = at_a_point(task)
        space.eval()
        with torch.no_grad():
            found = [task.validate(space, Relaxation.one_path(projection)) for _ in range(2)]
        assert found[0] == found[1]
        assert task.monitor.name in found[0]
        assert {metric.on("valid").name for metric in task.metrics} <= found[0].keys()

    def test_a_search_is_fixed_by_its_seed_and_goes_on(self, task: Task, tmp_path: Path) -> None:
        """The result is the same on every executor, and after a restart from files."""
        first = run_search(task, 1, RunContext())
        folder = tmp_path / "checkpoint"
        run = RunContext(Checkpoint(folder, {}), trials=TrialStore(tmp_path / "trials"))
        assert told(run_search(task, 1, run)) == told(first)
        again = RunContext(
            Checkpoint(folder, {}, resume=True), trials=TrialStore(tmp_path / "trials")
        )
        assert told(run_search(task, 1, again)) == told(first)
        assert told(run_search(task, 2, RunContext())) != told(first)
        assert told(run_search(task, 1, RunContext(), "processes:1")) == told(first)

    def test_a_training_alone_is_fixed_by_its_seed(self, task: Task) -> None:
        """Each of its ways has a name, and keeps one of its epochs."""
        genotype = run_search(task, 1, RunContext()).genotype
        first, second = (task.train("one", genotype, 3, RunContext()) for _ in range(2))
        assert first
        assert len({one.name for one in first}) == len(first)
        for one, other in zip(first, second, strict=True):
            assert timeless(one.history) == timeless(other.history)
            assert task.monitor.name in one.metrics
            assert one.state.keys() == other.state.keys()
            assert all(value.equal(other.state[name]) for name, value in one.state.items())


def at_a_point(task: Task) -> tuple[Any, Any, dict[str, torch.Tensor]]:
    """Return a space, a training batch and a random projection onto its constraints."""
    generator = torch.Generator().manual_seed(2)
    space = task.space(generator, dense=False).to(task.device)
    batch, _ = next(iter(task.batch_pairs(generator)))
    projection = Architecture(space.decisions, generator).projection()
    return space, batch, {name: a.to(task.device) for name, a in projection.items()}


def told(found: SearchResult) -> tuple[Any, ...]:
    """Return the parts of a result that the seed determines."""
    histories = (found.searches, found.trainings)
    parts = [{name: timeless(h) for name, h in part.items()} for part in histories]
    return found.genotype, parts


def timeless(history: Any) -> list[Metrics]:
    """Return a history without the times, which differ from run to run."""
    return [{k: v for k, v in m.items() if not k.startswith("time/")} for m in history]
