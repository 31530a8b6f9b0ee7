"""The contract of strategies, for all in the registry and the toy spaces."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from nasp.core.genotype import projection_of
from nasp.errors import Diverged, NaspError
from nasp.search.one_shot import loss_of
from nasp.strategies import ONE_SHOT, Strategy
from nasp.testing import StrategyContract, ToyTask
from nasp.testing.strategies import Absence, Killed, make_strategy, run_toy_search, without_times
from tests.nasp.toys import TOYS


class TestStrategies(StrategyContract):
    @pytest.fixture(params=ONE_SHOT)
    def strategy(self, request: pytest.FixtureRequest) -> Any:
        return {"name": request.param, "learning_rate": 0.01}

    @pytest.fixture(params=TOYS)
    def space(self, request: pytest.FixtureRequest) -> Any:
        return TOYS[request.param]


def stepped(strategy: Strategy, task: ToyTask, steps: int) -> None:
    batches = task.space(torch.Generator(), False).batches(torch.Generator().manual_seed(5))
    for _ in range(steps):
        loss = partial(loss_of, task.loss, strategy.space, next(batches))
        strategy.architecture_step(loss, loss)


@pytest.mark.parametrize("kind", TOYS)
def test_sampled_probes_resume_as_uninterrupted(kind: str, tmp_path: Path) -> None:
    sampled = {"name": "nasp", "learning_rate": 0.01, "probe_fraction": 0.4}
    path = tmp_path / "checkpoint"
    with pytest.raises(Killed):
        run_toy_search(sampled, TOYS[kind], path=path, stop=3)
    resumed, whole = (run_toy_search(sampled, TOYS[kind], path=p) for p in (path, None))
    assert resumed.best == whole.best
    assert without_times(resumed) == without_times(whole)
    everything = run_toy_search({"name": "nasp", "learning_rate": 0.01}, TOYS[kind])
    assert without_times(whole) != without_times(everything)


@pytest.mark.parametrize("name", ONE_SHOT)
def test_a_starts_as_in_the_authors_code(name: str) -> None:
    strategy, _ = make_strategy(name, TOYS["rnn"])
    a = torch.cat([v.detach().flatten() for v in strategy.scores().values()])
    if name in ("darts", "darts2", "gdas", "snas", "drnas", "asap", "pcdarts", "proxyless"):
        assert 0 < a.abs().max() < 5e-3
        assert abs(float(a.mean())) < 1e-3
    elif name in ("asng", "enas"):  # a uniform distribution, nearly so in a controller
        expected = [torch.full(d.shape, 1 / math.prod(d.shape)) for d in strategy.space.decisions]
        about = 0.0 if name == "asng" else 0.02
        torch.testing.assert_close(
            a, torch.cat([e.flatten() for e in expected]), atol=about + 1e-6, rtol=0
        )
    else:
        assert (a == 0.5).all()
    kept = {str(make_strategy(name, TOYS["cnn"], seed)[0].genotype()) for seed in range(8)}
    assert len(kept) > 4  # ties are broken at random, not by position


def test_a_genotype_that_keeps_absence_is_refused() -> None:
    choices = {"a": (("p", "none"), ("q", "x")), "b": (("r", "x"),)}
    with pytest.raises(NaspError, match=r"no 'none' on 'p': operations are x, y"):
        projection_of(Absence(torch.Generator()).decisions, choices)


def test_nasp_keeps_a_in_the_unit_interval() -> None:
    strategy, task = make_strategy({"name": "nasp", "learning_rate": 0.4}, TOYS["cf"])
    for _ in range(8):
        stepped(strategy, task, 1)
        (a,) = strategy.scores().values()
        assert a.min() >= 0
        assert a.max() <= 1


def test_a_loss_that_is_nan_is_blamed_on_the_weights() -> None:
    strategy, task = make_strategy("nasp", TOYS["cf"])
    with torch.no_grad():
        for weight in strategy.space.weights():
            weight.fill_(torch.nan)
    with pytest.raises(Diverged, match="the validation loss is nan: lower learning_rate"):
        stepped(strategy, task, 1)


def test_eta_prefers_operations_of_few_parameters() -> None:
    def weight_of_convolutions(eta: float) -> float:
        options = {"name": "nasp", "learning_rate": 0.02, "eta": eta}
        strategy, task = make_strategy(options, TOYS["cnn"], 3)
        stepped(strategy, task, 40)
        return sum(float(a[:, 1].sum().detach()) for a in strategy.scores().values())

    free, priced = weight_of_convolutions(0.0), weight_of_convolutions(1.0)
    assert priced < free - 0.1


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("nasp", "probe_fraction", 1.5),
        ("nasp", "probe_fraction", 0.0),
        ("nasp", "eta", -0.1),
        ("darts", "learning_rate", 0.0),
        ("darts", "weight_decay", -1.0),
        ("single_level", "betas", (0.9, 1.0)),
        ("darts2", "learning_rate", float("nan")),
        ("darts2", "hessian", "approximate"),
    ],
)
def test_an_option_out_of_range_is_named(name: str, option: str, value: object) -> None:
    with pytest.raises(NaspError, match=rf"^{option} is "):
        ONE_SHOT[name].Options(**{option: value})
