"""What every baseline promises, over the registry."""

import pytest
import torch

from nasp.errors import NaspError
from nasp.runs.context import Run
from nasp.training.optimization import descend
from sif.baselines import BASELINES, Baseline, baselines_of
from sif.baselines.train import train_baseline
from sif.fit import adagrad
from sif.nn.embeddings import penalised
from sif.options import TrainOptions
from tests.sif.baselines.tables import data

OPTIONS = TrainOptions(embedding_dim=3, batch_size=16)
CASES = [(name, n) for n in (2, 3) for name in baselines_of(n)]
every_baseline = pytest.mark.parametrize(("name", "entities"), CASES)


def made(name: str, entities: int, options: TrainOptions = OPTIONS, seed: int = 0) -> Baseline:
    generator = torch.Generator().manual_seed(seed)
    return BASELINES[name](data(entities), options, generator)


@every_baseline
@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("dim", [1, 5])
def test_shapes(name: str, entities: int, biases: bool, dim: int) -> None:
    model = made(name, entities, TrainOptions(embedding_dim=dim, biases=biases))
    rows = data(entities).train.rows
    rating, looked_up = model.rate(rows)
    assert rating.shape == (rows.shape[1],)
    assert looked_up.shape[0] >= entities
    assert looked_up.shape[1] == rows.shape[1]
    assert rating.isfinite().all()
    empty, _ = model.rate(rows[:, :0])
    assert empty.shape == (0,)


@every_baseline
@pytest.mark.parametrize("penalty", ["squared", "norm"])
def test_the_loss_falls(name: str, entities: int, penalty: str) -> None:
    options = TrainOptions(embedding_dim=3, penalty=penalty, weight_decay=1e-3)  # type: ignore[arg-type]
    model = made(name, entities, options)
    train = data(entities).train
    parameters = list(model.parameters())
    optimizer = adagrad([{"params": parameters}], options)
    losses = []
    for _ in range(30):
        loss = model((train.rows, train.ratings))
        losses.append(float(loss.detach()))
        descend(loss, parameters, optimizer)
        model.constrain()
    assert torch.tensor(losses).isfinite().all()
    assert losses[-1] < 0.95 * losses[0]
    assert all(p.grad is not None for p in parameters), "a parameter that is not used"


@every_baseline
def test_same_seed_same_result_and_no_global_randomness(name: str, entities: int) -> None:
    def trained(seed: int) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(seed)
        model, _ = train_baseline(
            name, data(entities), OPTIONS, epochs=2, generator=generator, run=Run()
        )
        return model.state_dict()

    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = trained(0)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    again, other = trained(0), trained(1)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@every_baseline
def test_state_dict_round_trip(name: str, entities: int) -> None:
    rows = data(entities).valid.rows
    one, other = made(name, entities, seed=0), made(name, entities, seed=1)
    assert not torch.equal(one.rate(rows)[0], other.rate(rows)[0])
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.rate(rows)[0], other.rate(rows)[0])


@every_baseline
def test_the_penalty_covers_what_was_looked_up(name: str, entities: int) -> None:
    model = made(name, entities)
    rows, ratings = data(entities).train.rows, data(entities).train.ratings
    rating, looked_up = model.rate(rows)
    assert torch.equal(looked_up[:entities], model.embeddings.look_up(rows))
    assert torch.equal(model((rows, ratings)), penalised(rating, looked_up, ratings, model.options))


@every_baseline
def test_batches_do_not_matter(name: str, entities: int) -> None:
    model, rows = made(name, entities), data(entities).train.rows
    parts = torch.cat([model.rate(part)[0] for part in rows.split(7, dim=1)])
    assert torch.allclose(model.rate(rows)[0], parts, atol=1e-6)


@every_baseline
def test_constraints_are_projections(name: str, entities: int) -> None:
    model = made(name, entities)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.constrain()
    for key, value in model.state_dict().items():
        assert torch.allclose(value, before[key], atol=1e-6), f"{key} starts outside"
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(100)
    model.constrain()
    once = {key: value.clone() for key, value in model.state_dict().items()}
    model.constrain()
    assert all(torch.allclose(once[k], v, atol=1e-6) for k, v in model.state_dict().items())


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("entities", [2, 3])
def test_wrong_number_of_entities(name: str, entities: int) -> None:
    if BASELINES[name].takes(entities):
        made(name, entities)
    else:
        with pytest.raises(NaspError, match=f"takes .* entities, .* have {entities}"):
            made(name, entities)


def test_every_number_of_entities_has_baselines() -> None:
    assert {"mf", "svdpp", "lightgcn", "fm"} <= set(baselines_of(2))
    assert {"cp", "tucker", "hofm", "ncf", "deep_wide"} <= set(baselines_of(3))
    assert baselines_of(3) == baselines_of(5)


def test_unknown_baseline() -> None:
    with pytest.raises(NaspError, match="did you mean 'svdpp'"):
        train_baseline("svdp", data(2), OPTIONS, epochs=1, generator=torch.Generator(), run=Run())
