"""An ensemble of small networks that predicts how good architectures are."""

import torch
from torch import Tensor

MEMBERS = 5
HIDDEN = 64
STEPS = 100
RATE = 0.01


def fit_and_predict(
    features: Tensor, targets: Tensor, others: Tensor, generator: torch.Generator
) -> Tensor:
    """Train an ensemble on architectures, and predict the targets of others.

    Each member is a network of one hidden layer of ReLUs, trained by Adam on the squared error of
    all architectures, from its own start. Its steps are too few to reach the targets exactly.

    Args:
        features: `(architectures, features)`.
        targets: `(architectures,)`.
        others: `(others, features)`.
        generator: Source of the start weights, on the CPU.

    Returns:
        The mean prediction of the members, `(others,)`.
    """
    x, y, z = features.float(), targets.float(), others.float()
    shape = (MEMBERS, x.shape[1] + 1, HIDDEN)
    first = torch.randn(shape, generator=generator) / shape[1] ** 0.5
    second = torch.randn(MEMBERS, HIDDEN, 1, generator=generator) / HIDDEN**0.5
    parameters = [first.requires_grad_(), second.requires_grad_()]
    optimizer = torch.optim.Adam(parameters, lr=RATE, weight_decay=1e-3)
    one = torch.ones(max(len(x), len(z)), 1)

    def predict(given: Tensor) -> Tensor:
        hidden = (torch.cat([given, one[: len(given)]], 1) @ first).relu()
        predicted: Tensor = (hidden @ second)[..., 0]  # (members, given)
        return predicted

    for _ in range(STEPS):
        optimizer.zero_grad()
        (predict(x) - y).square().mean(1).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        return predict(z).mean(0)
