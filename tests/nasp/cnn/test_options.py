"""Impossible options are refused, with their names."""

import pytest
import torch

from nasp.cnn.options import SearchOptions, TrainOptions
from nasp.errors import NaspError
from nasp.samplers import SAMPLERS
from nasp.strategies import ONE_SHOT


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        *((SearchOptions, name, 0) for name in ("batch_size", "epochs", "layers", "trials")),
        (SearchOptions, "learning_rate", float("nan")),
        (SearchOptions, "learning_rate_min", -0.1),
        (SearchOptions, "train_fraction", 0.0),
        (SearchOptions, "train_fraction", 1.5),
        (TrainOptions, "learning_rate_decay", 0.0),
        (TrainOptions, "drop_path_prob", 1.0),
        (TrainOptions, "label_smoothing", -0.1),
        (TrainOptions, "validation", -1),
        (TrainOptions, "size", 0),
        (TrainOptions, "workers", -1),
        (TrainOptions, "images", 0),
    ],
)
def test_a_number_out_of_range_is_named(kind: type, name: str, value: float) -> None:
    with pytest.raises(NaspError, match=rf"^{name} is "):
        kind(**{name: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "nsap"}, "unknown strategy 'nsap'.*nasp"),
        ({"space": "dart"}, "unknown space 'dart'.*darts"),
    ],
)
def test_names_are_checked(options: dict[str, str], message: str) -> None:
    with pytest.raises(NaspError, match=message):
        SearchOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("strategy", [*ONE_SHOT, *SAMPLERS])
def test_every_strategy_may_search_the_space_with_none(strategy: str) -> None:
    assert SearchOptions(space="darts_none", strategy=strategy).strategy == strategy


def test_auto_precision_is_half_on_cuda_alone() -> None:
    half = {
        (precision, device): TrainOptions(precision=precision).numbers(torch.device(device)).half
        for precision in ("auto", "float32", "bf16")
        for device in ("cpu", "cuda")
    }
    assert [key for key, value in half.items() if value] == [
        *(("auto", "cuda"), ("bf16", "cpu"), ("bf16", "cuda")),
    ]
