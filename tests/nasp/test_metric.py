"""The name of a metric tells which value is the better one."""

import pytest

from nasp.metric import best, better


@pytest.mark.parametrize("name", ["valid/accuracy", "test/top5_accuracy", "best/valid/accuracy"])
def test_accuracies_are_to_grow(name: str) -> None:
    assert better(name, 0.6, than=0.5)
    assert not better(name, 0.5, than=0.6)
    assert not better(name, 0.5, than=0.5)
    assert best(name, [0.1, 0.7, 0.3, 0.7]) == 1


@pytest.mark.parametrize("name", ["valid/rmse", "train/loss", "valid/perplexity", "accuracy/loss"])
def test_all_else_is_to_shrink(name: str) -> None:
    assert better(name, 0.5, than=0.6)
    assert not better(name, 0.6, than=0.5)
    assert not better(name, 0.5, than=0.5)
    assert best(name, [0.3, 0.1, 0.7, 0.1]) == 1
