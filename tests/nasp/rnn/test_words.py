"""Dropout masks, regularisers and exact evaluation."""

import math

import pytest
import torch
from torch import Tensor

from nasp.errors import NaspError
from nasp.rnn.data import columns
from nasp.rnn.data.text_batches import Reader, TextBatch
from nasp.rnn.dropout import Rates, draw_masks
from nasp.rnn.evaluation import evaluate
from nasp.rnn.network import LanguageModel
from nasp.rnn.words import TiedWords, language_model_loss
from nasp.rnn.zoo import ZOO
from tests.nasp.rnn.made import made_batch


def test_masks_keep_means_and_come_from_their_generator() -> None:
    rates = Rates(0.75, 0.25, 0.5, 0.2, 0.1)
    before = torch.get_rng_state()
    masks, again = (
        draw_masks(rates, 3000, 50, 60, torch.Generator().manual_seed(1)) for _ in range(2)
    )
    assert torch.equal(before, torch.get_rng_state())
    for name, kept in (
        ("words", 0.9), ("inputs", 0.5 * 0.8), ("states", 0.75), ("outputs", 0.25)
    ):  # fmt: skip
        mask = getattr(masks, name)
        assert torch.equal(mask, getattr(again, name))
        assert abs(float((mask > 0).float().mean()) - kept) < 0.03
        assert torch.allclose(mask[mask > 0], torch.tensor(1 / kept))


def test_a_dropped_word_is_dropped_wherever_it_stands() -> None:
    words = TiedWords(15, 7, torch.Generator().manual_seed(0)).double()
    batch = made_batch(torch.Generator().manual_seed(3))
    masks = batch.masks
    assert masks is not None
    embedded = words.embed(batch.inputs, masks)
    dropped = (masks.words[batch.inputs] == 0).expand_as(embedded)
    assert dropped.any()
    assert not dropped.all()
    assert (embedded[dropped] == 0).all()
    expected = (words.weight * masks.words)[batch.inputs] * masks.inputs
    torch.testing.assert_close(embedded, expected)


def test_regularisers_belong_to_training_batches_alone() -> None:
    words = TiedWords(5, 2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        words.weight.zero_()
    outputs = torch.tensor([[[1.0, 3.0]], [[2.0, 1.0]]])
    text, state = torch.zeros(2, 1, dtype=torch.long), torch.zeros(1, 2)
    plain = TextBatch(text, text, state, Reader(state))
    regularised = TextBatch(text, text, state, Reader(state), regularised=True)
    # All words are alike, so the cross-entropy is log 5; mean squares are 15/4 and 5/2.
    assert float(
        language_model_loss(words.decode(outputs), plain, 0.1, 0.01).detach()
    ) == pytest.approx(math.log(5))
    expected = math.log(5) + 0.1 * 15 / 4 + 0.01 * 5 / 2
    assert float(
        language_model_loss(words.decode(outputs), regularised, 0.1, 0.01).detach()
    ) == pytest.approx(expected)


def test_judging_in_one_column_is_exact_and_covers_all_words() -> None:
    generator = torch.Generator().manual_seed(0)
    network = LanguageModel(ZOO["darts_v2"], 9, 6, generator)
    text = torch.randint(9, (2500,), generator=generator)  # more than are decoded at once
    found = evaluate(network.outputs, network.words, columns(text, 1), "test")
    with torch.no_grad():
        outputs = network.outputs(text[:-1, None], torch.zeros(1, 6))
        logits = outputs[:, 0] @ network.words.weight.T + network.words.bias
        chances = logits.log_softmax(1)[torch.arange(2499), text[1:]]
    assert found["test/loss"] == pytest.approx(-float(chances.mean()), rel=1e-5)
    assert found["test/perplexity"] == pytest.approx(math.exp(found["test/loss"]))


def test_a_loss_that_is_no_number_is_refused() -> None:
    words = TiedWords(4, 2, torch.Generator().manual_seed(0))

    def outputs(inputs: Tensor, state: Tensor) -> Tensor:
        return torch.full((*inputs.shape, 2), float("inf"))

    with pytest.raises(NaspError, match="valid/loss is"):
        evaluate(outputs, words, torch.ones(5, 1, dtype=torch.long), "valid")
