"""Metrics of clicks, against their definitions."""

import math

import pytest
import torch

from nasp.errors import NaspError
from sif.evaluation.clicks import evaluate_clicks, logits_of, temperature_of


def test_values_by_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randint(-3, 4, (200,), generator=generator).float() / 2  # with ties
    labels = (torch.rand(200, generator=generator) < logits.sigmoid()).float()
    found = evaluate_clicks(logits, labels)
    wins = [
        float(a > b) + 0.5 * float(a == b)
        for a in logits[labels == 1].tolist()
        for b in logits[labels == 0].tolist()
    ]
    assert found["auc"] == pytest.approx(sum(wins) / len(wins))
    losses = [
        -math.log(p if y else 1 - p)
        for p, y in zip(logits.double().sigmoid().tolist(), labels.tolist(), strict=True)
    ]
    assert found["log_loss"] == pytest.approx(sum(losses) / len(losses))


def test_probabilities_give_the_values_of_their_logits() -> None:
    logits, labels = torch.tensor([-30.0, 0.3, 2.0]).double(), torch.tensor([0, 1, 1])
    assert evaluate_clicks(logits_of(logits.sigmoid()), labels) == pytest.approx(
        evaluate_clicks(logits, labels)
    )
    certain = evaluate_clicks(logits_of(torch.tensor([0.0, 1.0, 1.0])), torch.tensor([0, 1, 0]))
    assert 10 < certain["log_loss"] < 13  # one of three is certain and wrong: finite


def test_what_cannot_be_evaluated_is_refused() -> None:
    zeros = torch.zeros(2)
    with pytest.raises(NaspError, match="all 2 labels are 1"):
        evaluate_clicks(zeros, torch.ones(2))
    with pytest.raises(NaspError, match="a label is -1"):
        evaluate_clicks(zeros, torch.tensor([-1.0, 1.0]))
    with pytest.raises(NaspError, match="NaN"):
        evaluate_clicks(torch.tensor([0.0, math.nan]), torch.tensor([0.0, 1.0]))
    with pytest.raises(NaspError, match="no rows"):
        evaluate_clicks(zeros[:0], zeros[:0])


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_is_what_logits_are_too_large_by(true: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(100_000, generator=generator)
    labels = (torch.rand(100_000, generator=generator) < logits.sigmoid()).float()
    found = temperature_of(true * logits, labels)
    assert found == pytest.approx(true, rel=0.02)
    best = evaluate_clicks(true * logits / found, labels)["log_loss"]
    assert best <= evaluate_clicks(logits, labels)["log_loss"]
