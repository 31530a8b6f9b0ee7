"""The epoch loop stops correctly, and keeps the best epoch."""

import math
from itertools import count
from pathlib import Path

import pytest
import torch

from nasp.errors import Diverged, NaspError
from nasp.metric import LOSS, Metric, Metrics
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import RunContext
from nasp.training.loop import PhaseResult, run_epochs
from nasp.training.seeding import generator


def ran(
    losses: list[float], checkpoint: Checkpoint | None = None, **options: object
) -> PhaseResult:
    position = count()
    return run_epochs(
        "phase",
        lambda epoch: {"loss": losses[epoch]},
        epochs=len(losses),
        state={"generator": torch.Generator()},
        monitor=LOSS,
        snapshot=lambda: next(position),
        run=RunContext(checkpoint or Checkpoint()),
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
        monitor=Metric("valid/accuracy", larger_is_better=True),
        snapshot=lambda: next(position),
        run=RunContext(),
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
    with pytest.raises(
        NaspError, match=r"epoch 3: loss is .*: lower the learning rate; .* holds epoch 2"
    ):
        ran([3.0, 1.0, bad], checkpoint)
    assert len(checkpoint.get("phase")["history"]) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"history": 3}, "history must be a list"),
        ({"history": [{"loss": "low"}]}, r"history\[0\] must be numbers"),
        ({"best_epoch": 9}, "the best epoch is not in the history"),
        ({"best": "x"}, "best must be a int, not 'x'"),
        ({"state": {}}, "a part of the state is missing"),
        ({"state": {"generator": torch.zeros(3)}}, "is not of this phase"),
        ({"state": {"other": torch.zeros(3)}}, "is not of this phase"),
    ],
)
def test_a_checkpoint_of_something_else_is_one_line(change: dict, message: str) -> None:
    checkpoint = Checkpoint()
    ran([3.0, 1.0], checkpoint)
    checkpoint.put("phase", {**checkpoint.get("phase"), **change})
    with pytest.raises(NaspError, match=message):
        ran([3.0, 1.0], checkpoint)


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
        monitor=LOSS,
        snapshot=lambda: None,
        run=RunContext(checkpoint),
    )
    assert again.history == first.history
    assert again.best == first.best


def learning(path: Path, stop: int, epochs: int = 4, architecture: str = "") -> torch.Tensor:
    """Train a weight with momentum; the loss diverges in epoch `stop`."""
    weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    network = torch.nn.ParameterList([weight])
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    run = RunContext(Checkpoint(path, {}, resume=True), architecture=architecture)

    def epoch(position: int) -> Metrics:
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
        if position + 1 == stop:
            with torch.no_grad():
                weight.fill_(torch.nan)
                optimizer.state[weight]["momentum_buffer"].fill_(torch.nan)
        return {"loss": float(weight.detach().square().sum())}

    def snapshot() -> torch.Tensor:
        return weight.detach().clone()

    state = {"network": network, "optimizer": optimizer}
    run_epochs(
        "phase",
        epoch,
        epochs=epochs,
        state=state,
        monitor=LOSS,
        snapshot=snapshot,
        run=run,
        keep=("network",),
    )
    return weight.detach()


@pytest.mark.parametrize("stop", [2, 3])
def test_the_file_holds_the_last_good_epoch_after_a_failed_one(tmp_path: Path, stop: int) -> None:
    """Even if no write was due, and if the phase was resumed before it failed."""
    path, expected = tmp_path / "a", learning(tmp_path / "whole", stop=9)
    with pytest.raises(Diverged):
        learning(path, stop=2)
    with pytest.raises(Diverged, match=f"epoch {stop}: .* holds epoch {stop - 1}"):
        learning(path, stop=stop)
    kept = Checkpoint(path, {}, resume=True).get("phase")
    assert kept is not None
    assert len(kept["history"]) == stop - 1
    assert all(torch.isfinite(value).all() for value in kept["state"]["network"].values())
    assert torch.equal(learning(path, stop=9), expected)


def test_what_a_phase_holds_in_memory_is_not_what_the_next_epoch_changes(tmp_path: Path) -> None:
    checkpoint = Checkpoint()
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    weight.grad = torch.ones(1)
    optimizer.step()
    epochs = count(1)

    def epoch(position: int) -> Metrics:
        optimizer.step()
        if next(epochs) % 2 == 0:
            raise KeyboardInterrupt
        return {"loss": 1.0}

    def go() -> None:
        run_epochs(
            "phase",
            epoch,
            epochs=9,
            state={"optimizer": optimizer},
            monitor=LOSS,
            snapshot=lambda: None,
            run=RunContext(checkpoint),
        )

    buffers = []
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            go()
        state = checkpoint.get("phase")["state"]["optimizer"]["state"]  # type: ignore[index]
        buffers.append(float(state[0]["momentum_buffer"]))
    assert buffers == pytest.approx([1.9, 2.71])  # 1, then once and twice 0.9 times it plus 1


def test_a_part_of_a_search_that_ended_keeps_only_what_is_asked_for(tmp_path: Path) -> None:
    learning(tmp_path, stop=9, architecture="x")
    kept = Checkpoint(tmp_path, {}, resume=True).get("phase")
    assert kept is not None
    assert set(kept["state"]) == {"network"}
    again = learning(tmp_path, stop=1, architecture="x")  # not run again
    assert torch.equal(again, kept["state"]["network"]["0"])


def test_a_part_of_a_search_is_repeated_for_another_architecture(tmp_path: Path) -> None:
    first = learning(tmp_path, stop=9, epochs=2, architecture="x")
    with pytest.raises(Diverged, match="epoch 1"):
        learning(tmp_path, stop=1, epochs=2, architecture="y")
    assert torch.equal(learning(tmp_path, stop=9, epochs=2, architecture="y"), first)


def test_a_phase_is_prolonged_to_what_it_would_be_with_more_epochs(tmp_path: Path) -> None:
    prolonged, whole = tmp_path / "prolonged", tmp_path / "whole"
    two = learning(prolonged, stop=9, epochs=2)
    four = learning(prolonged, stop=9, epochs=4)
    assert torch.equal(four, learning(whole, stop=9, epochs=4))
    assert not torch.equal(four, two)
    sections = (Checkpoint(path, {}, resume=True).get("phase") for path in (prolonged, whole))
    first, second = ([m["loss"] for m in section["history"]] for section in sections)  # type: ignore[index]
    assert first == second


@pytest.mark.parametrize("limit", [{"patience": 2}, {"max_seconds": 0.0}])
def test_a_phase_that_another_limit_ended_is_not_prolonged(limit: dict) -> None:
    checkpoint = Checkpoint()
    ended = ran([1.0, 2.0, 3.0], checkpoint, **limit)
    assert len(ran([1.0, 2.0, 3.0, 0.5], checkpoint, **limit).history) == len(ended.history)
    assert len(ran([1.0, 2.0, 3.0, 0.5], checkpoint).history) == 4  # without the limit


@pytest.mark.parametrize(("answer", "best"), [("best", 1), ("last", 3)])
def test_the_answer_of_a_prolonged_phase_is_that_of_all_epochs(answer: str, best: int) -> None:
    checkpoint = Checkpoint()
    ran([0.5, 1.0], checkpoint, answer=answer, first=1)
    assert ran([0.5, 1.0, 3.0, 2.0], checkpoint, answer=answer, first=1).best_epoch == best


def test_an_epoch_of_the_warm_up_is_never_the_answer() -> None:
    outcome = ran([1.0, 2.0, 4.0, 3.0], first=2)
    assert (outcome.best_epoch, outcome.best) == (3, 1)
    assert (
        ran([1.0, 2.0], max_seconds=0.0, first=1).best_epoch == 1
    )  # the time limit is reached after this epoch


def test_the_last_epoch_may_be_asked_for() -> None:
    outcome = ran([3.0, 1.0, 2.0], answer="last")
    assert (outcome.best_epoch, outcome.best) == (2, 2)


def test_every_metric_is_checked() -> None:
    """An accuracy may stay finite when the loss does not."""
    epochs = [{"valid/accuracy": 0.5, "train/loss": 1.0}, {"valid/accuracy": 0.5}]
    epochs[1]["train/loss"] = math.inf
    with pytest.raises(Diverged, match="epoch 2: train/loss is inf: lower the learning rate"):
        run_epochs(
            "phase",
            lambda epoch: epochs[epoch],
            epochs=2,
            state={},
            monitor=Metric("valid/accuracy", larger_is_better=True),
            snapshot=lambda: 0,
            run=RunContext(),
        )


def test_a_warm_up_is_gone_on_from(tmp_path: Path) -> None:
    def go(losses: list[float]) -> PhaseResult:
        return ran(losses, Checkpoint(tmp_path / "checkpoint", {}, resume=True), first=2)

    with pytest.raises(NaspError, match="epoch 2: loss is nan"):
        go([1.0, math.nan])
    resumed = go([9.0, 2.0, 4.0, 3.0])
    assert [m["loss"] for m in resumed.history] == [1.0, 2.0, 4.0, 3.0]
    assert resumed.best_epoch == 3


def test_streams_of_a_seed_are_independent_and_repeatable() -> None:
    def draw(*labels: object) -> list[float]:
        return torch.rand(3, generator=generator(*labels)).tolist()

    assert draw(1, "search", 0) == draw(1, "search", 0)
    streams = [draw(1, "search", 0), draw(1, "search", 1), draw(2, "search", 0), draw(1, "order")]
    assert len({tuple(s) for s in streams}) == 4
