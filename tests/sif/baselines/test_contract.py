"""The contract of baselines, for all in the registry."""

from typing import Any

import pytest
import torch

from nasp.errors import NaspError
from nasp.runs.context import RunContext
from sif.baselines import BASELINES, baselines_of
from sif.baselines.fit import train_baseline
from sif.testing import OPTIONS, BaselineContract, make_baseline, small_data

CASES = [(name, n) for n in (2, 3) for name in baselines_of(n)]


class TestBaselines(BaselineContract):
    @pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
    def case(self, request: pytest.FixtureRequest) -> Any:
        return request.param

    @pytest.fixture
    def baseline(self, case: tuple[str, int]) -> Any:
        return BASELINES[case[0]]

    @pytest.fixture
    def entities(self, case: tuple[str, int]) -> int:
        return case[1]


def test_every_number_of_entities_has_baselines() -> None:
    assert {"mf", "svdpp", "fm"} <= set(baselines_of(2))
    assert {"cp", "tucker", "hofm", "ncf", "deep_wide"} <= set(baselines_of(3))
    assert baselines_of(3) == baselines_of(5)


@pytest.mark.parametrize(("name", "entities"), CASES)
def test_a_baseline_is_trained_by_its_name(name: str, entities: int) -> None:
    def trained(epochs: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        model, outcome = train_baseline(
            name,
            small_data(entities),
            OPTIONS,
            epochs=epochs,
            generator=generator,
            run=RunContext(),
        )
        assert type(model) is BASELINES[name]
        assert len(outcome.history) == epochs
        return model.rate(small_data(entities).valid.rows)[0]

    start = make_baseline(BASELINES[name], entities).rate(small_data(entities).valid.rows)[0]
    assert not torch.equal(trained(1), start)
    assert torch.equal(trained(1), trained(1))


def test_unknown_baseline() -> None:
    options = {"epochs": 1, "generator": torch.Generator(), "run": RunContext()}
    with pytest.raises(NaspError, match="did you mean 'svdpp'"):
        train_baseline("svdp", small_data(2), OPTIONS, **options)  # type: ignore[arg-type]
