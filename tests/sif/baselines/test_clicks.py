"""Published models of clicks: their formulas, and a contract for all in the registry."""

from typing import Any

import pytest
import torch
from torch import Tensor

from nasp.runs.context import RunContext
from sif.baselines import CLICK_BASELINES
from sif.baselines.clicks import DCNv2, FinalMLP
from sif.click_fit import fit_clicks
from sif.data.click_data import ClickData, Clicks
from sif.data.encode import Encoder
from sif.options import TrainOptions

SIZES, DIM, UNITS = (5, 4, 3), 3, 20
OPTIONS = TrainOptions(
    embedding_dim=DIM,
    hidden_units=UNITS,
    embedding_std=0.5,
    objective="logistic",
    optimizer="adam",
    learning_rate=0.02,
    penalty="squared",
    weight_decay=1e-3,
    batch_size=64,
    dropout=0.5,
)
ROWS = torch.tensor([[0, 4, 2, 1], [5, 8, 6, 7], [9, 10, 11, 9]])


def made(name: str, seed: int = 0) -> Any:
    return CLICK_BASELINES[name](SIZES, OPTIONS, torch.Generator().manual_seed(seed))


def layers(stack: Any, x: Tensor) -> Tensor:
    for layer in stack.layers:
        x = layer(x).clamp(min=0)
    return x


def crossed(stack: Any, first: Tensor) -> Tensor:
    x = first
    for layer in stack.layers:
        x = first * layer(x) + x
    return x


def formula(model: Any, vectors: Tensor) -> Tensor:
    """The published formula of one row's embeddings `(fields, dim)`."""
    x = vectors.flatten()
    if isinstance(model, DCNv2):
        logit: Tensor = model.head(torch.cat([crossed(model.cross, x), layers(model.deep, x)]))
        return logit[0]
    if isinstance(model, FinalMLP):
        first, second = (
            layers(stream, 2 * gate(vectors[field]).sigmoid() * x)
            for field, (gate, stream) in enumerate(zip(model.gates, model.streams, strict=True))
        )
        parts = zip(first.chunk(10), model.bilinear, second.chunk(10), strict=True)
        fused = torch.stack([a @ matrix @ b for a, matrix, b in parts]).sum()
        return fused + first @ model.head[0] + second @ model.head[1]
    raise AssertionError(type(model))


@pytest.mark.parametrize("name", CLICK_BASELINES)
def test_a_logit_is_the_published_formula(name: str) -> None:
    model = made(name)
    table = model.embeddings.table
    logits, looked_up = model.rate(ROWS)
    assert torch.equal(looked_up, table[ROWS])
    for row, logit in zip(ROWS.T, logits, strict=True):
        bias = table[row, DIM].sum() + model.embeddings.bias
        torch.testing.assert_close(logit, formula(model, table[row, :DIM]) + bias)


@pytest.mark.parametrize("name", CLICK_BASELINES)
def test_a_model_learns_by_the_common_training(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    positions = torch.stack(
        [torch.randint(size - 1, (800,), generator=generator) for size in SIZES]
    )
    labels = ((positions[0] + positions[1]) % 2).float()
    rows = positions + torch.tensor([0, 5, 9])[:, None]
    parts = [
        Clicks(rows[:, part].int(), labels[part], trained=first)
        for part, first in ((slice(0, 500), True), (slice(500, None), False))
    ]
    data = ClickData(Encoder((), ()), *parts, torch.zeros(2, 0), ())
    states = []
    for _ in range(2):
        random = torch.Generator().manual_seed(1)
        model = CLICK_BASELINES[name](SIZES, OPTIONS, random)
        before = torch.get_rng_state()
        outcome = fit_clicks(
            name, model, data, OPTIONS, epochs=12, generator=random, run=RunContext()
        )
        assert torch.equal(before, torch.get_rng_state())
        states.append(model.state_dict())
    assert outcome.history[outcome.best_epoch]["valid/auc"] > 0.95
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("name", CLICK_BASELINES)
def test_units_are_dropped_in_training_rows_only(name: str) -> None:
    model = made(name)
    assert torch.equal(model.rate(ROWS)[0], model.rate(ROWS)[0])
    same = torch.equal(model.rate(ROWS, trained=True)[0], model.rate(ROWS, trained=True)[0])
    assert same == (name == "fm")


@pytest.mark.parametrize("name", CLICK_BASELINES)
def test_the_state_is_the_whole_model(name: str) -> None:
    one, other = made(name), made(name, 1)
    assert not torch.equal(one.rate(ROWS)[0], other.rate(ROWS)[0])
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.rate(ROWS)[0], other.rate(ROWS)[0])
