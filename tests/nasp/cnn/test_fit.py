"""Training and evaluation, computed by hand on a batch or two."""

import math

import pytest
import torch

from nasp.cnn import fit as fitting
from nasp.cnn.evaluation import evaluate
from nasp.cnn.fit import cosine, fit, learning_rate
from nasp.cnn.network import Network
from nasp.cnn.options import TrainOptions
from nasp.errors import NaspError
from nasp.runs.context import RunContext
from nasp.training.optimization import SGD
from tests.nasp.cnn.cells import SMALL

OPTIONS = {"channels": 4, "layers": 3, "batch_size": 8, "drop_path_prob": 0.0}


def network(auxiliary=True):
    random = torch.Generator().manual_seed(1)
    return Network(SMALL, 4, 3, 5, "cifar", auxiliary, random)


def batch(count=8, seed=2):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 8, 8, generator=random), torch.arange(count) % 5


def fitted(model, options, epochs=1, batches=None):
    return fit(
        "train",
        model,
        lambda epoch: batches or [batch()],
        options,
        epochs=epochs,
        generator=torch.Generator().manual_seed(3),
        run=RunContext(),
    ).history


def smoothed(logits, labels, share):
    """Cross-entropy with the target (1 − share) · one-hot + share / classes."""
    target = torch.full_like(logits, share / logits.shape[1])
    target[torch.arange(len(labels)), labels] += 1 - share
    return float(-(target * logits.log_softmax(1)).sum(1).mean())


@pytest.mark.parametrize(("smoothing", "weight"), [(0.0, 0.4), (0.2, 0.4), (0.2, 1.0)])
def test_the_loss_has_smoothed_labels_and_the_auxiliary_heads_share(smoothing, weight):
    options = TrainOptions(**OPTIONS, label_smoothing=smoothing, auxiliary_weight=weight)
    (found,) = fitted(network(), options)
    images, labels = batch()
    with torch.no_grad():
        logits, extra = network().train()(images)
    expected = smoothed(logits, labels, smoothing) + weight * smoothed(extra, labels, smoothing)
    assert found["train/loss"] == pytest.approx(expected, rel=1e-4)


def test_without_an_auxiliary_head_the_loss_is_the_logits_alone():
    (found,) = fitted(network(auxiliary=False), TrainOptions(**OPTIONS))
    images, labels = batch()
    with torch.no_grad():
        logits, _ = network(auxiliary=False).train()(images)
    assert found["train/loss"] == pytest.approx(smoothed(logits, labels, 0.0), rel=1e-4)


def test_an_epochs_loss_is_the_mean_of_its_steps_and_falls():
    history = fitted(network(), TrainOptions(**OPTIONS), epochs=4)
    losses = [epoch["train/loss"] for epoch in history]
    assert losses[-1] < losses[0]
    both = fitted(network(), TrainOptions(**OPTIONS), batches=[batch(), batch()])
    assert both[0]["train/loss"] < losses[0]  # the second step is on a trained network
    assert both[0]["train/loss"] > losses[1]


def test_drop_path_grows_from_none(monkeypatch):
    asked = []

    def drop(network, batch, probability, generator):
        asked.append((batch, probability))

    monkeypatch.setattr(fitting, "drop_path", drop)
    fitted(network(), TrainOptions(**{**OPTIONS, "drop_path_prob": 0.4}), epochs=4)
    assert asked == [(8, pytest.approx(p)) for p in (0.0, 0.1, 0.2, 0.3)]


def test_the_cosine_goes_from_the_first_to_the_last_rate():
    assert cosine(0.5, 0.1, 0, 20) == pytest.approx(0.5)
    assert cosine(0.5, 0.1, 10, 20) == pytest.approx(0.3)
    assert cosine(0.5, 0.1, 20, 20) == pytest.approx(0.1)
    quarter = 0.1 + 0.4 * (1 + math.sqrt(0.5)) / 2
    assert cosine(0.5, 0.1, 5, 20) == pytest.approx(quarter)


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        (None, [0.8, 0.4 * (1 + math.sqrt(0.5)), 0.4, 0.4 * (1 - math.sqrt(0.5))]),
        (0.5, [0.8, 0.4, 0.2, 0.1]),
    ],
)
def test_each_epoch_steps_with_its_rate(decay, expected, monkeypatch):
    rates = []
    step = SGD.step

    def spy(self, *arguments):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *arguments)

    monkeypatch.setattr(SGD, "step", spy)
    options = TrainOptions(**OPTIONS, learning_rate=0.8, learning_rate_decay=decay)
    assert [learning_rate(options, i, 4) for i in range(4)] == pytest.approx(expected)
    fitted(network(), options, epochs=4)
    assert rates == pytest.approx(expected)


def test_one_image_of_one_pixel_cannot_be_normalised():
    # The auxiliary head sees 1 × 1 pixels.
    with pytest.raises(NaspError, match="batch_size"):
        fitted(network(), TrainOptions(**OPTIONS), batches=[batch(1)])


def judged(logits, labels, sizes):
    """Batches carry the logits themselves as images."""
    batches = zip(logits.split(sizes), labels.split(sizes), strict=True)
    return evaluate(lambda images: images, batches, "valid")


def test_a_smaller_last_batch_counts_by_its_images():
    random = torch.Generator().manual_seed(4)
    logits, labels = torch.randn(31, 8, generator=random), torch.arange(31) % 8
    once = judged(logits, labels, [31])
    assert judged(logits, labels, [12, 12, 7]) == pytest.approx(once, rel=1e-6)
    expected = -logits.log_softmax(1)[torch.arange(31), labels].mean()
    assert once["valid/loss"] == pytest.approx(float(expected), rel=1e-6)
    ranks = [int((row > row[label]).sum()) for row, label in zip(logits, labels, strict=True)]
    assert once["valid/accuracy"] == pytest.approx(sum(rank < 1 for rank in ranks) / 31)
    assert once["valid/top5_accuracy"] == pytest.approx(sum(rank < 5 for rank in ranks) / 31)
    assert 0 < once["valid/accuracy"] < once["valid/top5_accuracy"] < 1


def test_with_fewer_than_five_classes_all_are_in_the_top_five():
    logits = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    found = judged(logits, torch.tensor([0, 2]), [2])
    assert found["valid/accuracy"] == 0.5
    assert found["valid/top5_accuracy"] == 1.0


def test_half_logits_are_judged_as_float():
    logits = torch.randn(200, 4, generator=torch.Generator().manual_seed(5)).bfloat16()
    labels = torch.arange(200) % 4
    assert judged(logits, labels, [200]) == pytest.approx(judged(logits.float(), labels, [200]))
