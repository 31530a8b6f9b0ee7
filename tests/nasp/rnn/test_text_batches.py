"""Batches of consecutive words."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nasp.errors import NaspError
from nasp.rnn.data import batches, columns, varied_lengths


@given(st.integers(2, 60), st.integers(1, 7), st.lists(st.integers(1, 9), min_size=1))
def test_every_word_is_predicted_once_from_the_one_before(
    length: int, batch: int, lengths: list[int]
) -> None:
    text = columns(torch.arange(length * batch + batch - 1), batch)
    assert text.shape == (length, batch)
    turns = iter(lengths * 60)
    made = list(batches(text, 3, lambda: next(turns)))
    assert torch.equal(torch.cat([b.inputs for b in made]), text[:-1])
    assert torch.equal(torch.cat([b.targets for b in made]), text[1:])
    assert (text[1:] == text[:-1] + 1).all()
    assert [len(b.inputs) for b in made[:-1]] == (lengths * 60)[: len(made) - 1]


def test_the_state_goes_from_batch_to_batch_and_starts_at_zero() -> None:
    text = columns(torch.arange(40), 4)
    for _ in range(2):
        expected = torch.zeros(4, 3)
        for position, batch in enumerate(batches(text, 3, lambda: 2)):
            assert torch.equal(batch.state, expected)
            expected = torch.full((4, 3), position + 1.0)
            batch.end_at(expected)


def test_a_text_that_is_too_short_is_refused() -> None:
    with pytest.raises(NaspError, match="training text has 7 words, too few for a batch of 4"):
        columns(torch.arange(7), 4, "the training text")


def test_lengths_are_around_bptt_and_sometimes_half() -> None:
    length = varied_lengths(35, torch.Generator().manual_seed(0))
    drawn = torch.tensor([float(length()) for _ in range(4000)])
    assert drawn.min() >= 5
    assert drawn.max() <= 55
    # 95 % around 35 and 5 % around 17.5, minus 0.5 for rounding down.
    assert abs(float(drawn.mean()) - (0.95 * 35 + 0.05 * 17.5 - 0.5)) < 0.5
    near_half = float((drawn < 25).float().mean())
    assert 0.04 < near_half < 0.1
    again = varied_lengths(35, torch.Generator().manual_seed(0))
    assert [again() for _ in range(20)] == drawn[:20].int().tolist()
