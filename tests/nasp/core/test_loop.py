"""The epoch loop stops when it should, and keeps the best."""

from itertools import count

import pytest
import torch

from nasp.core.checkpoint import Checkpoint
from nasp.core.errors import NaspError
from nasp.core.loop import Outcome, Run, run_epochs
from nasp.core.metrics import Metrics
from nasp.core.seeding import generator


def ran(losses: list[float], checkpoint: Checkpoint | None = None, **options: float) -> Outcome:
    position = count()
    return run_epochs(
        "phase",
        lambda epoch: {"loss": losses[epoch]},
        epochs=len(losses),
        state={"generator": torch.Generator()},
        monitor="loss",
        snapshot=lambda: next(position),
        run=Run(checkpoint or Checkpoint()),
        **options,  # type: ignore[arg-type]
    )


def test_the_best_epoch_is_kept() -> None:
    outcome = ran([3.0, 1.0, 2.0, 1.0])
    assert (outcome.best_epoch, outcome.best) == (1, 1)
    assert [m["loss"] for m in outcome.history] == [3.0, 1.0, 2.0, 1.0]


def test_the_best_accuracy_is_the_largest() -> None:
    values, position = [0.3, 0.7, 0.5, 0.7], count()
    outcome = run_epochs(
        "phase",
        lambda epoch: {"valid/accuracy": values[epoch]},
        epochs=4,
        state={},
        monitor="valid/accuracy",
        snapshot=lambda: next(position),
        run=Run(),
        patience=2,
    )
    assert (outcome.best_epoch, outcome.best) == (1, 1)
    assert len(outcome.history) == 4


def test_patience_stops() -> None:
    assert len(ran([3.0, 1.0, 2.0, 2.0, 0.0], patience=2).history) == 4


def test_a_time_budget_stops() -> None:
    assert len(ran([3.0, 1.0], max_seconds=0.0).history) == 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_keeps_the_epoch_before(bad: float) -> None:
    checkpoint = Checkpoint()
    with pytest.raises(NaspError, match="epoch 3: lower the learning rate"):
        ran([3.0, 1.0, bad], checkpoint)
    assert len(checkpoint.get("phase")["history"]) == 2


def test_a_phase_that_ended_is_not_run_again() -> None:
    checkpoint = Checkpoint()
    first = ran([3.0, 1.0], checkpoint)

    def never(epoch: int) -> Metrics:
        raise AssertionError

    again = run_epochs(
        "phase",
        never,
        epochs=2,
        state={"generator": torch.Generator()},
        monitor="loss",
        snapshot=lambda: None,
        run=Run(checkpoint),
    )
    assert again.history == first.history
    assert again.best == first.best


def test_streams_of_a_seed_are_independent_and_repeatable() -> None:
    def draw(*labels: object) -> list[float]:
        return torch.rand(3, generator=generator(*labels)).tolist()

    assert draw(1, "search", 0) == draw(1, "search", 0)
    streams = [draw(1, "search", 0), draw(1, "search", 1), draw(2, "search", 0), draw(1, "order")]
    assert len({tuple(s) for s in streams}) == 4
