"""ASAP anneals the weights of operations and prunes the weak ones."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from nasp.errors import NaspError
from nasp.search.one_shot import loss_of
from nasp.strategies.asap import ASAP, ASAPOptions
from nasp.testing import ToyCNN
from nasp.testing.strategies import Absence, make_strategy
from tests.nasp.toys import TOYS


def made_at(temperature: float, space: Any, values: dict[str, list[list[float]]]) -> ASAP:
    """ASAP with the given rows of `A`, which steps do not move."""
    made, _ = make_strategy("asap", space)
    assert isinstance(made, ASAP)
    made.temperature = temperature
    with torch.no_grad():
        for name, rows in values.items():
            made.architecture.weights[name].copy_(torch.tensor(rows))
    made.descend = lambda gradients: None  # type: ignore[method-assign]
    return made


def step(made: ASAP) -> Tensor:
    space: Any = made.space
    batch = next(space.batches(torch.Generator().manual_seed(2)))
    loss = partial(loss_of, space.loss, space, batch)
    return made.architecture_step(loss, loss)


def test_the_temperature_falls_by_the_papers_factor() -> None:
    made, _ = make_strategy("asap", TOYS["rnn"])
    found = []
    for position in range(50):
        made.begin_epoch(position, 50)
        found.append(made.temperature)
    assert found == pytest.approx([1.6 * 0.95 ** (t + 1) for t in range(50)])
    made.begin_epoch(0, 1)  # the shortest search prunes, too
    assert made.temperature == pytest.approx(1.6 * 0.95**50)


def test_weights_below_the_threshold_are_pruned_step_by_step() -> None:
    """With three operations below 0.4 / 3 = 0.133; with two that are left below 0.4 / 2 = 0.2."""
    tepid = torch.tensor([0.60, 0.30, 0.10]).log().tolist()  # prunes the third; 2/3 and 1/3 stay
    cold = torch.tensor([0.06, 0.80, 0.14]).log().tolist()  # then 0.80 and 0.14: the third, too
    rows = {"node0": [[t * 0.5 for t in tepid], [t * 0.5 for t in cold]]}
    made = made_at(0.5, ToyCNN, rows)
    torch.testing.assert_close(made._means()["node0"][0], torch.tensor([0.60, 0.30, 0.10]))
    step(made)
    assert made.left["node0"].tolist() == [[True, True, False], [False, True, True]]
    weights = made.weight_relaxation().weights["node0"]
    torch.testing.assert_close(weights[0], torch.tensor([2 / 3, 1 / 3, 0.0]))
    assert made.weight_relaxation().active["node0"] == ((0, 0), (0, 1), (1, 1), (1, 2))
    assert made.search_relaxation().active == made.weight_relaxation().active
    step(made)
    assert made.left["node0"].tolist() == [[True, True, False], [False, True, False]]


def test_pruned_operations_do_not_run_and_do_not_return(monkeypatch: pytest.MonkeyPatch) -> None:
    made = made_at(0.2, ToyCNN, {"node1": [[5.0, 0.0, 0.0]] * 3, "node0": [[5.0, 0.0, 0.0]] * 2})
    step(made)
    convolutions: list[Any] = []
    monkeypatch.setattr(torch.nn.functional, "conv2d", lambda *a, **k: convolutions.append(a))
    with torch.no_grad():
        for a in made.architecture.values().values():
            a.copy_(a.flip(-1))  # what was pruned has the largest `A` now
    step(made)
    assert not convolutions
    assert all(mask.sum(-1).tolist() == [1] * len(mask) for mask in made.left.values())
    assert all(kept[:, 0].sum() == 2 for kept in made.projection().values())


def test_above_the_grace_temperature_nothing_is_trained_or_pruned() -> None:
    made, _ = make_strategy({"name": "asap", "learning_rate": 1.0}, TOYS["cf"])
    made.begin_epoch(0, 50)
    before = {name: a.detach().clone() for name, a in made.scores().items()}
    for _ in range(3):
        assert not step(made).requires_grad
    assert all(torch.equal(a, before[name]) for name, a in made.scores().items())
    assert all(mask.all() for mask in made.left.values())
    made.begin_epoch(9, 50)  # 1.6 · 0.95¹⁰ = 0.958
    step(made)
    assert any(not torch.equal(a, before[name]) for name, a in made.scores().items())


def test_none_is_never_left_alone() -> None:
    made = made_at(0.2, Absence, {"a": [[3.0, 0.1, 0.0]] * 2, "b": [[0.0, 3.0]] * 3})
    step(made)
    assert made.left["a"].tolist() == [[True, True, False]] * 2
    assert made.left["b"].tolist() == [[True, True]] * 3
    assert "none" not in str(made.genotype())


def test_what_is_left_is_state() -> None:
    made = made_at(0.2, ToyCNN, {"node0": [[5.0, 0.0, 0.0], [0.0, 0.0, 5.0]]})
    step(made)
    other, _ = make_strategy("asap", ToyCNN, seed=1)
    other.load_state_dict(made.state_dict())
    other.temperature = made.temperature
    here, there = made.weight_relaxation(), other.weight_relaxation()
    assert here.active == there.active
    assert len(here.active["node0"]) == 2
    for name, weights in here.weights.items():
        assert torch.equal(weights, there.weights[name])


@pytest.mark.parametrize(
    ("option", "value"), [("threshold", 1.0), ("grace", 0.0), ("temperature", (0.1, 1.0))]
)
def test_an_option_out_of_range_is_named(option: str, value: Any) -> None:
    with pytest.raises(NaspError, match=rf"^{option} is "):
        ASAPOptions(**{option: value})
