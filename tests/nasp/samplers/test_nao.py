"""NAO: its loss, the moves of codes, and what it proposes."""

import pytest
import torch
from torch import Tensor

from nasp.core.decision import Decision
from nasp.errors import NaspError
from nasp.samplers import SAMPLERS, Trial
from nasp.samplers.autoencoder import AutoEncoder
from nasp.samplers.slots import Slots
from nasp.samplers.tokens import Tokens
from nasp.testing.samplers import DECISIONS, ask_and_tell

EDGES = DECISIONS["edges"]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def trained(steps: int) -> tuple[AutoEncoder, Tensor]:
    """Train a small model on 12 architectures, whose targets count an operation."""
    some = Slots(EDGES, seeded(0)).draw(12)
    tokens = Tokens(EDGES)
    model, rows = AutoEncoder(tokens, 16, seeded(1)), tokens.of(some)
    targets = (some.operations == 0).float().mean(1)
    adam = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(steps):
        adam.zero_grad()
        sum(model.losses(rows, targets)).backward()
        adam.step()
    return model, rows


def test_tokens_become_the_architectures_that_they_came_from() -> None:
    slots, tokens = Slots(EDGES, seeded(2)), Tokens(EDGES)
    some = slots.draw(30)
    assert [step.size for step in tokens.steps] == [3, 3, 3, 3, 4, 4]
    again = tokens.architectures(tokens.of(some))
    assert torch.equal(again.edges, some.edges)
    assert torch.equal(again.operations, some.operations)
    whole = (Decision("all", ("a", "b"), ("x", "y"), (0, 0), keep=2),)  # its edges are no choice
    assert [(step.edge, step.slot) for step in Tokens(whole).steps] == [(False, 0), (False, 1)]
    row = torch.tensor([[1, 0]])
    assert Slots(whole, seeded(0)).choices(Tokens(whole).architectures(row)) == {
        "all": (("a", "y"), ("b", "x"))
    }


def test_a_trained_model_decodes_what_it_encoded() -> None:
    model, rows = trained(0)
    error, entropy = (loss.detach() for loss in model.losses(rows, torch.zeros(12)))
    sizes = torch.tensor([float(step.size) for step in model.tokens.steps])
    assert float(entropy) == pytest.approx(float(sizes.log().mean()), rel=0.05)  # even at first
    assert float(error) == pytest.approx(
        float(model.predict(model.encode(rows)).square().mean().detach())
    )
    model, rows = trained(100)
    codes = model.encode(rows).detach()
    assert torch.allclose(codes.norm(dim=2), torch.ones(12, 6))
    assert torch.equal(model.decode(codes), rows)


def test_a_moved_code_has_a_better_predicted_score() -> None:
    model, rows = trained(30)
    codes = model.encode(rows).detach()
    scores = model.predict(codes).detach()
    moved = model.move(codes, 0.1)
    assert torch.allclose((moved - codes).norm(dim=2), torch.full((12, 6), 0.1), atol=1e-5)
    assert bool((model.predict(moved) > scores).all())
    decoded = model.predict(model.encode(model.decode(model.move(codes, 1.0))))
    assert float(decoded.detach().mean()) > float(scores.mean())


def test_decoded_edges_are_kept_once() -> None:
    tokens = Tokens(EDGES)
    model = AutoEncoder(tokens, 8, seeded(3))
    rows = model.decode(torch.randn(200, 6, 8, generator=seeded(4)))
    assert len(rows.unique(dim=0)) > 5
    assert bool((rows[:, 0] != rows[:, 2]).all())


@pytest.mark.parametrize("weight", [0.0, 0.8, 1.0])
def test_training_weighs_both_losses(weight: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient of the first step is that of the weighted sum."""
    options = SAMPLERS["nao"].Options(6, 6, units=8, epochs=1, predictor_weight=weight)
    assert SAMPLERS["nao"].Options().predictor_weight == 0.8
    sampler = SAMPLERS["nao"](EDGES, seeded(0), 0, options)
    trials = ask_and_tell(sampler, lambda trial: float(trial.number), 6)
    slots, model = Slots(EDGES, seeded(0)), sampler.model
    rows = torch.cat([model.tokens.of(slots.of(trial.choices)) for trial in trials])
    targets = (torch.arange(5, -1, -1) + 0.5) / 6  # the first trial is the best
    error, entropy = model.losses(rows, targets)
    expected = torch.autograd.grad(
        weight * error + (1 - weight) * entropy, model.parameters(), materialize_grads=True
    )
    seen: list[Tensor] = []
    monkeypatch.setattr(
        sampler._adam, "step", lambda: seen.extend(p.grad.clone() for p in model.parameters())
    )
    sampler.ask()
    assert len(seen) == len(expected)
    for gradient, other in zip(seen, expected, strict=True):
        assert torch.allclose(gradient, other, atol=1e-6)


def test_it_proposes_each_of_432_architectures_once_and_comes_to_good_ones() -> None:
    options = SAMPLERS["nao"].Options(15, 8, units=16, epochs=60)

    def score(trial: Trial) -> float:
        pairs = [pair for kept in trial.choices.values() for pair in kept]
        return float(sum(operation != "y" for _, operation in pairs))

    first, second = 0.0, 0.0
    for seed, count in ((0, 47), (1, 23), (2, 23)):
        trials = ask_and_tell(SAMPLERS["nao"](EDGES, seeded(seed), 0, options), score, count)
        assert len({repr(trial.choices) for trial in trials}) == count
        first += sum(trial.score for trial in trials[:15]) / 15 / 3
        second += sum(trial.score for trial in trials[15:23]) / 8 / 3
    assert first > 1.7  # 2.08 by chance
    assert second < 1.3


def test_a_small_space_is_tried_whole_and_then_its_best_again() -> None:
    sampler = SAMPLERS["nao"](DECISIONS["operations"], seeded(0), 2)
    trials = ask_and_tell(sampler, lambda t: float(t.choices["only"][0][1] != "x"), 12)
    assert len({repr(trial.choices) for trial in trials[:5]}) == 5
    assert {trial.choices["only"][0][1] for trial in trials[5:]} == {"x"}
    assert len({trial.offsets for trial in trials}) == 12


def test_a_weight_above_one_is_refused() -> None:
    with pytest.raises(NaspError, match=r"predictor_weight is 1\.5; it must be at most 1"):
        SAMPLERS["nao"].Options(predictor_weight=1.5)
