"""Each example of `docs/extending` passes the contract test of its kind."""

from typing import Any

import pytest
import torch

from nasp.metric import Metric
from nasp.samplers import SAMPLERS
from nasp.search import Task
from nasp.testing import MetricContract, SamplerContract, StrategyContract, TaskContract
from nasp.testing.samplers import DECISIONS, ask_and_tell
from nasp.testing.strategies import make_strategy, run_toy_search, without_times
from nasp.testing.toys import ToyCNN
from sif.baselines import BASELINES
from sif.evaluation.ratings import VALUES
from sif.options import OBJECTIVES
from sif.testing import BaselineContract, ObjectiveContract
from tests.docs.conftest import Use
from tests.docs.made import image_task, rating_task, text_task


class TestAnnealed(StrategyContract):
    @pytest.fixture
    def strategy(self, use: Use) -> Any:
        use("annealed")
        return {"name": "annealed", "temperature": 3.0, "learning_rate": 0.01}

    def test_its_option_cools_down(self, strategy: Any) -> None:
        annealed, _ = make_strategy(strategy, ToyCNN)
        temperatures = []
        for position in range(3):
            annealed.begin_epoch(position, 3)
            temperatures.append(annealed.temperature)  # type: ignore[attr-defined]
        assert temperatures == [3.0, 2.0, 1.0]
        cold = run_toy_search({**strategy, "temperature": 1.0}, ToyCNN)
        assert without_times(cold) != without_times(run_toy_search(strategy, ToyCNN))


class TestHillClimbing(SamplerContract):
    @pytest.fixture
    def sampler(self, use: Use) -> Any:
        use("hill_climbing")
        return SAMPLERS["hill_climbing"]

    def test_without_exploring_it_changes_one_decision_of_the_best(self, sampler: Any) -> None:
        options = sampler.Options(explore=0.0)
        made = sampler(DECISIONS["edges"], torch.Generator().manual_seed(0), 0, options)
        first, *others = ask_and_tell(made, lambda trial: float(trial.number), 20)
        for trial in others:
            changed = [
                name for name, pairs in trial.choices.items() if pairs != first.choices[name]
            ]
            assert len(changed) <= 1


class TestWithinHalf(MetricContract):
    @pytest.fixture
    def metric(self, use: Use) -> Any:
        metric: Metric = use("within_half").WITHIN_HALF
        return metric

    @pytest.fixture
    def worst_first(self) -> list[float]:
        return [0.1, 0.5, 1.0]

    def test_it_is_in_rating_units(self, metric: Metric) -> None:
        residuals = torch.tensor([0.0, -0.2, 0.3, 2.0]).double()
        assert float(VALUES[metric](residuals, 2.0)) == 0.5
        assert float(VALUES[metric](residuals, 1.0)) == 0.75


class TestHuber(ObjectiveContract):
    @pytest.fixture
    def objective(self, use: Use) -> Any:
        use("huber")
        return OBJECTIVES["huber"]


class TestCosine(BaselineContract):
    @pytest.fixture
    def baseline(self, use: Use) -> Any:
        use("cosine")
        return BASELINES["cosine"]


class TestShiftConv(TaskContract):
    """For example, the one-path gradient equals that of full autograd."""

    @pytest.fixture
    def task(self, use: Use) -> Task:
        use("shift_conv")
        return image_task("darts_shift")


class TestRMSNorm(TaskContract):
    tolerance = 1e-3

    @pytest.fixture
    def task(self, use: Use, tmp_path_factory: pytest.TempPathFactory) -> Task:
        use("rms_norm")
        return text_task(tmp_path_factory.mktemp("made"))


class TestAttend(TaskContract):
    @pytest.fixture
    def task(self, use: Use) -> Task:
        use("attend")
        return rating_task()


class TestOuterProduct(TaskContract):
    @pytest.fixture
    def task(self, use: Use) -> Task:
        use("outer_product")
        return rating_task()
