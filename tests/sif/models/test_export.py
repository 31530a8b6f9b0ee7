"""Exported embeddings are those that the function of a model gets."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.runs.context import RunContext
from nasp.search import SearchResult, train
from sif import export
from sif.data import Synthetic, synthetic
from sif.data.click_data import ClickData
from sif.data.search_data import SearchData
from sif.models.click import ClickModel
from sif.models.export import embeddings_table
from sif.models.rating import InteractionModel
from sif.nn.fields import FieldSpace
from sif.nn.space import DECISION, InteractionSpace
from sif.options import SearchOptions
from sif.posterior.model import PosteriorAverage
from sif.tasks.click import ClickTask, known_model
from sif.tasks.rating import RatingTask
from sif.zoo import BIASES, ZOO
from tests.sif.models.test_ranking import fitted, trained

DIM = 3


def ratings() -> pd.DataFrame:
    return synthetic(Synthetic(users=20, items=15, ratings=200), seed=0)


def rating_model(genotype: Genotype, **options: Any) -> InteractionModel:
    data = SearchData.from_splits(ratings()[:150], ratings()[150:])
    given = SearchOptions(embedding_dim=DIM, sweeps=0, batch_size=64, refit=False)
    task = RatingTask(data, replace(given, **options), epochs=2)
    return task.model(train(task, "one", genotype, 1, RunContext()))


def click_model() -> ClickModel:
    frame = ratings().assign(mood=np.arange(200) % 3)
    frame["rating"] = (frame["rating"] > frame["rating"].median()).astype(float)
    data = ClickData.from_splits(frame[:150], frame[150:])
    task = ClickTask(
        data,
        SearchOptions(embedding_dim=DIM, objective="logistic", penalty="squared", train_epochs=1),
    )
    genotype = Genotype(FieldSpace.name, known_model(task.decisions(torch.Generator())[0], "none"))
    (result,) = task.train("one", genotype, 1, RunContext())
    model, _ = task.models(SearchResult(genotype, result.metrics, {}, {}, [result]))
    model.answer = "function"
    return model


def embeddings(model: Any, entity: str) -> np.ndarray:
    found = embeddings_table(model).query("entity == @entity")
    ids = model.encoder.ids[model.encoder.columns.index(entity)]
    assert list(found["id"]) == [str(value) for value in ids]
    return found.filter(like="embedding_").to_numpy()


@pytest.mark.parametrize("elementwise", [False, True])
@pytest.mark.parametrize("encoder", ["id", "history", "graph2"])
def test_a_product_of_exported_embeddings_is_the_rating(encoder: str, elementwise: bool) -> None:
    genotype = Genotype(InteractionSpace.name, {DECISION: ((encoder, "multiply"),)})
    if elementwise:
        space = InteractionSpace((2, 2), SearchOptions(elementwise=True), torch.Generator())
        genotype = space.genotype(genotype.choices)
    model = rating_model(genotype)
    network = model.network
    assert isinstance(network, InteractionSpace)
    users, items = embeddings(model, "user"), embeddings(model, "item")
    assert users.shape == (len(model.encoder.ids[0]), DIM)
    rows = torch.stack([torch.arange(5), torch.arange(5) + len(users)])
    biases = network.embeddings.table[rows, DIM].sum(0) + network.embeddings.bias
    expected = (users[:5] * items[:5]) @ network.heads[0].detach().numpy()
    found = (network.rate(rows)[0] - biases).detach().numpy()
    assert found == pytest.approx(expected, abs=1e-5)


def test_of_samples_it_is_the_mean() -> None:
    model = rating_model(ZOO["biased_mf"], sweeps=20)
    assert isinstance(model.network, PosteriorAverage)
    samples = model.network.samples()
    assert len(samples[0]) > 1
    for entity, values in zip(("user", "item"), samples, strict=True):
        expected = values[:, :-1, :DIM].mean(0).numpy()
        assert embeddings(model, entity) == pytest.approx(expected)


def test_models_of_clicks_and_rankings() -> None:
    model = click_model()
    table, first = model.network.embeddings.table.detach().numpy(), 0
    for entity, ids in zip(("user", "item", "mood"), model.encoder.ids, strict=True):
        assert embeddings(model, entity) == pytest.approx(table[first : first + len(ids), :DIM])
        first += len(ids) + 1
    ranking = trained()
    users, items = embeddings(ranking, "user"), embeddings(ranking, "item")
    ranker: Any = ranking.members[0].ranker
    assert users == pytest.approx(ranker.terms[0].users.numpy())
    assert items == pytest.approx(ranker.terms[0].items.numpy())


def test_models_without_embeddings_say_so() -> None:
    clicks = click_model()
    clicks.answer = "popularity"
    for model, name in (
        (fitted("popularity", "ease"), "popularity, ease"),
        (clicks, "popularity"),
        (rating_model(BIASES), "biases"),
    ):
        with pytest.raises(NaspError, match=f"{name} ha(s|ve) no embeddings"):
            embeddings_table(model)


def test_the_command_writes_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = rating_model(ZOO["biased_mf"])
    model.save(tmp_path / "model.pt")
    tables = []
    for name, read in (("e.csv", pd.read_csv), ("e.parquet", pd.read_parquet)):
        output = tmp_path / name
        export.main(["--model", str(tmp_path), "--output", str(output)])
        assert f"{name}: embeddings of 3 numbers: 20 of user, 15 of item" in capsys.readouterr().out
        tables.append(read(output))
    assert tables[0].columns.equals(tables[1].columns)
    assert tables[0].filter(like="embedding").to_numpy() == pytest.approx(
        tables[1].filter(like="embedding").to_numpy()
    )
    with pytest.raises(NaspError, match=r"suffix of output: '\.txt'"):
        export.main(["--model", str(tmp_path), "--output", str(tmp_path / "e.txt")])
