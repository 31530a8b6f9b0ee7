"""The statistics of batch norms are those of the network that is evaluated."""

import torch
from torch import nn

from nasp.training.batch_norm import BatchNorm, recalibrate


def test_recalibrated_statistics_are_the_means_over_the_given_batches() -> None:
    random = torch.Generator().manual_seed(1)
    norm = BatchNorm(2)
    for _ in range(5):  # statistics of other inputs
        norm(100 + torch.randn(4, 2, 3, 3, generator=random))
    batches = [torch.randn(8, 2, 3, 3, generator=random) for _ in range(3)]
    recalibrate(norm, (lambda x=x: norm(x) for x in batches))  # type: ignore[misc]
    means = torch.stack([x.mean((0, 2, 3)) for x in batches])
    variances = torch.stack([x.var((0, 2, 3)) for x in batches])
    torch.testing.assert_close(norm.running_mean, means.mean(0))
    torch.testing.assert_close(norm.running_var, variances.mean(0))
    assert norm.momentum == 0.1  # in the next training, as before
    assert not any(p.grad is not None for p in norm.parameters())


def test_a_network_without_running_statistics_runs_nothing() -> None:
    def fail() -> None:
        raise AssertionError("a batch was run")

    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)).eval()
    recalibrate(network, [fail])
    assert not network.training
