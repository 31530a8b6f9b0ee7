"""Batches cover all ratings, and statistics are those of the training split."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from nasp.errors import NaspError
from sif.data import Encoder, Table
from sif.data.biases import best_damping, biases
from sif.data.rating_tensors import Ratings, Scale
from sif.data.search_data import SearchData
from sif.evaluation.ratings import evaluate_predictions, predict

TRAIN = pd.DataFrame({"user": [7, 7, 9, 9], "item": list("abab"), "rating": [1.0, 2.0, 3.0, 6.0]})
TEST = pd.DataFrame({"user": [9, 5, 7], "item": ["b", "a", "z"], "rating": [4.0, 3.0, 5.0]})


def prepared() -> tuple[Ratings, Ratings, Scale, Encoder]:
    tables = [Table.from_frame(frame) for frame in (TRAIN, TEST)]
    encoder, scale = Encoder.fit(tables[0]), Scale.fit(tables[0])
    train, test = (Ratings.encode(table, encoder, scale) for table in tables)
    return train, test, scale, encoder


def test_scale_is_that_of_training() -> None:
    train, _, scale, _ = prepared()
    assert (scale.mean, scale.std) == (3.0, pytest.approx(np.std([1, 2, 3, 6])))
    assert float(train.ratings.mean()) == pytest.approx(0, abs=1e-6)
    assert float(train.ratings.std(correction=0)) == pytest.approx(1, abs=1e-6)


def test_unseen_ids_are_predicted_by_the_mean() -> None:
    _, test, scale, _ = prepared()
    assert test.rows.tolist() == [[1], [3]]
    assert (test.unseen * scale.std + scale.mean).tolist() == pytest.approx([3.0, 5.0])
    predictions = test.ratings.clone()  # correct for the only rating with known ids
    expected = np.sqrt((0 + 0 + 4) / 3)
    assert evaluate_predictions(predictions, test, scale)["rmse"] == pytest.approx(
        expected, rel=1e-5
    )
    assert evaluate_predictions(predictions, test, scale)["mae"] == pytest.approx(2 / 3, rel=1e-5)


def test_an_unseen_id_counts_as_an_average_one() -> None:
    _, _, scale, encoder = prepared()
    biases = torch.tensor([0.1, 0.2, 0.25, 0.5])  # users 7 and 9, items a and b
    test = Ratings.encode(Table.from_frame(TEST), encoder, scale, biases)
    raw = (torch.tensor([3.0, 5.0]) - scale.mean) / scale.std
    # user 5 is unseen, item a is not; user 7 is known, item z is not
    assert test.unseen.tolist() == pytest.approx((raw - torch.tensor([0.25, 0.1])).tolist())


def test_predictions_stay_within_the_range_of_training() -> None:
    train, _, scale, encoder = prepared()
    beyond = Ratings.encode(
        Table.from_frame(TEST), encoder, scale, torch.tensor([9.0, 0.0, -9.0, 0.0])
    )
    predicted = torch.tensor([3.0, 5.0]) - beyond.unseen * scale.std - scale.mean
    assert (predicted + scale.mean).tolist() == pytest.approx([1.0, 6.0], abs=1e-5)
    assert scale.as_read(torch.tensor([-9.0, 9.0])).tolist() == [1.0, 6.0]
    assert scale.as_read(torch.tensor([9.0]), clip=False)[0] > 6
    far = torch.full_like(train.ratings, 9.0)
    assert evaluate_predictions(far, train, scale)["mae"] == pytest.approx(
        np.mean([5, 4, 3, 0]), rel=1e-5
    )


def test_predictions_are_in_the_units_that_were_read() -> None:
    counts = TRAIN.assign(rating=[1.0, 20.0, 70.0, 300.0])
    checked = Table.from_frame(counts.assign(rating=np.log1p(counts["rating"])))
    scale = Scale.fit(replace(checked, transform="log"))
    standardised = Ratings.encode(checked, Encoder.fit(checked), scale).ratings
    assert scale.as_read(standardised).tolist() == pytest.approx([1, 20, 70, 300], rel=1e-5)


@pytest.mark.parametrize("size", [1, 3, 4, 9])
def test_a_pass_has_each_rating_once(size: int) -> None:
    train, _, _, _ = prepared()
    batches = list(train.batches(size, torch.Generator().manual_seed(0)))
    assert len(batches) == -(-4 // size)
    seen = torch.cat([batch.rows for batch in batches], dim=1)
    assert sorted(map(tuple, seen.T.tolist())) == sorted(map(tuple, train.rows.T.tolist()))


def test_steps_reshuffle_as_often_as_needed() -> None:
    train, _, _, _ = prepared()
    batches = list(train.batches(3, torch.Generator().manual_seed(0), steps=5))
    assert [len(batch.ratings) for batch in batches] == [3, 1, 3, 1, 3]


def test_biases_recover_an_additive_table() -> None:
    rng = np.random.default_rng(0)
    users, items = rng.normal(size=40), rng.normal(size=30)
    grid = pd.DataFrame([(u, i) for u in range(40) for i in range(30)], columns=["user", "item"])
    grid["rating"] = 3 + users[grid["user"]] + items[grid["item"]]
    order = rng.permutation(len(grid))
    table = Table.from_frame(grid)
    parts = [table.take(rows) for rows in np.split(order, (600, 900))]
    encoder, scale = Encoder.fit(parts[0]), Scale.fit(parts[0])
    train, valid, test = (Ratings.encode(part, encoder, scale) for part in parts)
    fitted = biases(train, 70, best_damping(train, valid, 70, scale))
    assert evaluate_predictions(fitted[test.rows].sum(0), test, scale)["rmse"] < 0.02


def test_predictions_in_chunks_are_predictions_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from sif.evaluation import ratings as metrics
    from sif.nn.embeddings import SpaceOptions
    from sif.nn.space import InteractionSpace

    space = InteractionSpace(
        (5, 5), SpaceOptions(encoders=("id",)), torch.Generator().manual_seed(0)
    )
    rows = torch.randint(5, (2, 30), generator=torch.Generator().manual_seed(0))
    whole = predict(space.rate, rows)
    monkeypatch.setattr(metrics, "CHUNK", 7)
    assert torch.allclose(predict(space.rate, rows), whole)
    assert predict(space.rate, rows[:, :0]).shape == (0,)


def test_no_validation_rating_of_known_ids_is_told_with_its_cause() -> None:
    rows = [(u, u % 7, 1.0 + u % 5, u * 1.37) for u in range(40)]
    frame = pd.DataFrame(rows, columns=["user", "item", "rating", "price"])
    with pytest.raises(NaspError, match="20 of 20 have a user that no training rating has"):
        SearchData.from_splits(
            frame[["user", "item", "rating"]][:20], frame[["user", "item", "rating"]][20:]
        )
    frame["user"] = frame["user"] % 5
    with pytest.raises(NaspError, match=r"20 of 20 have a price .* whose values do not repeat"):
        SearchData.from_splits(frame[:20], frame[20:])


def test_batches_know_how_many_ratings_each_id_has() -> None:
    """A sum over an epoch of what is weighted by them has each id once."""
    train, _, _, _ = prepared()
    ids = torch.zeros(int(train.rows.max()) + 1)
    for batch in train.batches(3, torch.Generator().manual_seed(0)):
        assert batch.inverse_counts is not None
        ids.index_add_(0, batch.rows.flatten(), batch.inverse_counts.flatten())
    assert ids[train.rows.flatten()].tolist() == pytest.approx([1.0] * train.rows.numel())
