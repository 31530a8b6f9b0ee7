"""Initial weights drawn from a generator."""

import torch
from torch import nn


@torch.no_grad()
def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Initialise weights and biases of all convolutions and linear layers, in place.

    They are uniform in ±1/√(fan-in), as in torch, whose initialiser uses the global generator.
    Batch norms keep weight 1 and bias 0.

    Args:
        module: A module on the generator's device, or on `meta`, where nothing is drawn.
        generator: Source of the random numbers, used in the order of the layers.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = layer.weight[0].numel() ** -0.5
            layer.weight.uniform_(-bound, bound, generator=generator)
            if layer.bias is not None:
                layer.bias.uniform_(-bound, bound, generator=generator)
