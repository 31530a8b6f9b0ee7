"""The mean of an epoch's losses."""

import math

import pytest
import torch

from nasp.training import optimization as losses
from nasp.training.optimization import Losses


@pytest.mark.parametrize("count", [1, 4, 5, 11])
def test_the_mean_is_that_of_a_stack(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(losses, "BLOCK", 4)
    values = list(torch.rand(count, generator=torch.Generator().manual_seed(0)).requires_grad_())
    gathered = Losses()
    for value in values:
        gathered.append(value, 8)
    assert gathered.mean() == pytest.approx(float(torch.stack(values).mean().detach()))
    assert not any(part.requires_grad for part in (*gathered.blocks, *gathered.latest))


def test_a_small_batch_weighs_less() -> None:
    gathered = Losses()
    for loss, count in ((2.0, 512), (1.0, 512), (500.0, 1)):
        gathered.append(torch.tensor(loss), count)
    assert gathered.mean() == pytest.approx((2.0 * 512 + 1.0 * 512 + 500.0) / 1025)


def test_none_have_no_mean() -> None:
    assert math.isnan(Losses().mean())
