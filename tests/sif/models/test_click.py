"""A model of clicks predicts, recommends and evaluates, and can be saved and loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.files.digest import KEY, with_digest
from sif.data import Table
from sif.data.click_data import ClickData
from sif.data.click_rates import ClickRates
from sif.models.click import ClickModel, build_network
from sif.models.file import load_model
from sif.nn.fields import PAIRS, TOWER, FieldSpace
from sif.options import FieldOptions

OPTIONS = FieldOptions(embedding_dim=3, hidden_units=5, embedding_std=1.0)
GENOTYPE = Genotype(
    FieldSpace.name,
    {
        PAIRS: (("user,item", "multiply"), ("user,mood", "max"), ("item,mood", "concat")),
        TOWER: (("tower1", "cross2"), ("tower2", "hidden1")),
    },
)


def clicks(rows: int = 60) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"user": generator.integers(6, size=rows)}).astype(str)
    frame["item"] = generator.integers(8, size=rows)
    frame["mood"] = generator.choice(["happy", "sad"], rows)
    return frame.assign(rating=generator.integers(2, size=rows).astype(float))


@pytest.fixture
def model() -> ClickModel:
    data = ClickData.from_splits(clicks()[:40], clicks()[40:])
    network = build_network(GENOTYPE, data.encoder, OPTIONS, torch.Generator().manual_seed(0))
    rates, fitted = ClickRates.fit(data), {"learning_rate": 0.1}
    known = data.encoder, rates, 2.0, data.clicked
    return ClickModel(GENOTYPE, network, OPTIONS, *known, fitted, 0.7)


def test_a_saved_model_is_the_same(model: ClickModel, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    model.save(path)
    loaded = load_model(path)
    assert isinstance(loaded, ClickModel)
    assert np.array_equal(loaded.predict(clicks()), model.predict(clicks()))
    assert loaded.recommend("3", context={"mood": "sad"}).equals(
        model.recommend("3", context={"mood": "sad"})
    )
    table = Table.from_frame(clicks())
    assert loaded.evaluate(table) == model.evaluate(table)
    assert (loaded.genotype, loaded.options, loaded.valid_auc) == (GENOTYPE, OPTIONS, 0.7)
    assert loaded.fitted_with == model.fitted_with


def test_probabilities_do_not_need_known_ids(model: ClickModel) -> None:
    frame = clicks()[:3].assign(mood=["happy", "angry", "sad"])
    with pytest.warns(UserWarning, match="mood: 1 of 3 ids are not known, angry"):
        found = model.predict(frame)
    assert ((found > 0) & (found < 1)).all()
    assert found[[0, 2]] == pytest.approx(model.predict(frame.iloc[[0, 2]]))
    with pytest.warns(UserWarning, match="user: 3 of 3 ids are not known, new"):
        assert np.isfinite(model.predict(clicks()[:3].assign(user="new"))).all()
    with pytest.raises(NaspError, match="no column 'mood': the model needs user, item, mood"):
        model.predict(frame.drop(columns="mood"))
    with pytest.raises(NaspError, match="row 1 has no mood"):
        model.predict(frame.assign(mood=["happy", None, "sad"]))


def test_the_most_probable_new_items_are_recommended(model: ClickModel) -> None:
    every = model.recommend("2", 99, context={"mood": "happy"}, exclude_seen=False)
    assert sorted(every["item"]) == list(range(8))
    rows = every.assign(user="2", mood="happy")
    assert every["probability"].to_numpy() == pytest.approx(model.predict(rows))
    assert every["probability"].is_monotonic_decreasing
    clicked = clicks().query("user == '2' and rating == 1")["item"]
    new = model.recommend("2", 3, context={"mood": "happy"})
    expected = every[~every["item"].isin(clicked)].head(3).reset_index(drop=True)
    pd.testing.assert_frame_equal(new, expected)
    stranger = model.recommend("stranger", 2, context={"mood": "happy"})
    assert len(stranger) == 2
    for options, message in (
        ({}, "context={'mood': ...}"),
        ({"context": {"mood": "sad", "day": 1}}, "no context 'day'"),
        ({"n": 0, "context": {"mood": "sad"}}, "n is 0"),
    ):
        with pytest.raises(NaspError, match=message):
            model.recommend("2", **options)  # type: ignore[arg-type]


def test_evaluation_has_the_trivial_models_beside_it(model: ClickModel) -> None:
    found = model.evaluate(Table.from_frame(clicks()))
    names = ("auc", "log_loss")
    models = ("", "_popularity", "_biases", "_global_mean")
    assert found.keys() == {f"{n}{m}" for n in names for m in models} | {"unseen_rows"}
    assert found["auc_global_mean"] == 0.5
    with pytest.raises(NaspError, match="all 60 given rows are clicks"):
        model.evaluate(Table.from_frame(clicks().assign(rating=1.0)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda b: b["options"].update(towers=0), "towers"),
        (lambda b: b["options"].update(dropout=1.0), "dropout"),
        (lambda b: b["options"].update(encoders=["graph9"]), "graph9"),
        (lambda b: b["network"].pop("heads"), "heads is missing"),
        (lambda b: b["network"].update(heads=torch.zeros(2, 2)), "heads must have the shape"),
        (lambda b: b["encoder"]["ids"][1].reverse(), "sorted"),
        (lambda b: b["rates"].update(items=torch.zeros(3)), "rates are not those"),
        (lambda b: b.update(temperature=0.0), "temperature"),
        (lambda b: b["clicked"].fill_(99), "positions that are no ids"),
        (lambda b: b["encoder"].update(columns=["user", "user", "mood"]), "one name for each"),
        (lambda b: b.update(genotype="{}"), "genotype"),
    ],
)
def test_damaged_models_are_refused_in_one_line(
    model: ClickModel, tmp_path: Path, damage: Callable[[dict[str, Any]], None], message: str
) -> None:
    path = tmp_path / "model.pt"
    model.save(path)
    body = torch.load(path, weights_only=True)
    damage(body)
    torch.save(with_digest({k: v for k, v in body.items() if k != KEY}), path)
    with pytest.raises(NaspError, match=message) as told:
        ClickModel.load(path)
    assert "\n" not in str(told.value)


def test_other_files_and_genotypes_are_refused(model: ClickModel, tmp_path: Path) -> None:
    torch.save({"format": "other", "version": 1}, tmp_path / "other.pt")
    with pytest.raises(NaspError, match="no model of a recommender"):
        load_model(tmp_path / "other.pt")
    other = Genotype("sif", {"interaction": (("id", "plus"),)})
    with pytest.raises(NaspError, match="not a genotype of many fields, but of 'sif'"):
        build_network(other, model.encoder, OPTIONS, torch.Generator())
    with pytest.raises(NaspError, match="there is no folder"):
        model.save(tmp_path / "none" / "model.pt")
