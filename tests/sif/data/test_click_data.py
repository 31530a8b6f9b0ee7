"""Rows of clicks become tensors, and the trivial models fit them."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from nasp.errors import NaspError
from sif.data import Encoder, Table
from sif.data.click_data import ClickData, Clicks, clicked_pairs
from sif.data.click_rates import TRIVIAL, ClickRates, fit_biases

TRAIN = pd.DataFrame(
    {
        "user": ["a", "a", "b", "b", "c"],
        "item": [1, 2, 1, 3, 1],
        "mood": ["x", "y", "x", "x", "y"],
        "rating": [1.0, 0.0, 1.0, 0.0, 1.0],
    }
)
VALID = pd.DataFrame({"user": ["a", "d"], "item": [3, 1], "mood": ["x", "z"], "rating": [0.0, 1.0]})


def test_each_field_has_a_row_for_each_id_and_one_for_unknown_ids() -> None:
    data = ClickData.from_splits(TRAIN, VALID)
    assert data.sizes == (4, 4, 3)
    assert data.train.rows.tolist() == [[0, 0, 1, 1, 2], [4, 5, 4, 6, 4], [8, 9, 8, 8, 9]]
    assert data.train.labels.tolist() == [1, 0, 1, 0, 1]
    assert data.valid.rows.tolist() == [[0, 3], [6, 4], [8, 10]]
    assert (data.train.unseen, data.valid.unseen) == (0, 1)
    assert data.clicked.tolist() == [[0, 1, 2], [0, 0, 0]]  # `d` is no known user
    assert clicked_pairs(data.encoder, Table.from_frame(TRAIN[1:2])).shape == (2, 0)


def test_batches_shuffle_the_rows_and_say_whether_they_are_trained_on() -> None:
    data = ClickData.from_splits(TRAIN, VALID)
    batches = list(data.train.batches(2, torch.Generator().manual_seed(0)))
    assert [len(batch.labels) for batch in batches] == [2, 2, 1]
    assert all(batch.trained for batch in batches)
    found = torch.cat([torch.cat([b.rows, b.labels.long()[None]]) for b in batches], dim=1)
    whole = torch.cat([data.train.rows.long(), data.train.labels.long()[None]])
    assert sorted(found.T.tolist()) == sorted(whole.T.tolist())
    (valid,) = data.valid.batches(2, torch.Generator())
    assert not valid.trained


@pytest.mark.parametrize(("value", "what"), [(1.0, "clicks"), (0.0, "no clicks")])
@pytest.mark.parametrize("part", ["training", "validation"])
def test_rows_of_one_kind_are_refused(part: str, value: float, what: str) -> None:
    train, valid = TRAIN, VALID
    if part == "training":
        train = TRAIN.assign(rating=value)
    else:
        valid = VALID.assign(rating=value)
    with pytest.raises(NaspError, match=f"{part} rows are {what}: .* --negatives 2"):
        ClickData.from_splits(train, valid)


def test_rates_are_those_of_the_training_rows() -> None:
    data = ClickData.from_splits(TRAIN, VALID)
    rates = ClickRates.fit(data)
    assert rates.mean == pytest.approx(math.log(3 / 2))
    shares = rates.items.sigmoid()
    assert shares.tolist() == pytest.approx([3.6 / 4, 0.6 / 2, 0.6 / 2, 0.6])
    logits = {name: rates.logits(name, data.valid.rows, data.sizes) for name in TRIVIAL}
    assert logits["global_mean"].tolist() == pytest.approx([rates.mean] * 2)
    assert torch.equal(logits["popularity"], rates.items[[2, 0]])
    a, third, x, first = (rates.biases[row] for row in (0, 6, 8, 4))
    expected = [rates.mean + float(a + third + x), rates.mean + float(first)]
    assert logits["biases"].tolist() == pytest.approx(expected)


def test_biases_are_the_optimum_of_a_logistic_regression() -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({name: generator.integers(6, size=3000) for name in ("user", "item")})
    logits = 0.5 * (frame["user"] - frame["item"])
    frame["rating"] = (generator.random(3000) < 1 / (1 + np.exp(-logits))).astype(float)
    encoder = Encoder.fit(Table.from_frame(frame))
    train = Clicks.encode(Table.from_frame(frame), encoder)
    mean, damping = 0.1, 3.0
    biases = fit_biases(train, (7, 7), mean, damping)
    predicted = (mean + biases[train.rows.long()].sum(0)).sigmoid()
    for rows in train.rows:
        slope = torch.zeros(14).index_add_(0, rows, train.labels - predicted)
        used = rows.unique()
        torch.testing.assert_close(slope[used], damping * biases[used], atol=0.05, rtol=0.05)
    assert (biases[[6, 13]] == 0).all()
