"""First weights, drawn from a generator."""

import torch
from torch import nn


@torch.no_grad()
def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw weights and biases of all convolutions and linear layers anew, in place.

    They are uniform in ±1/√(inputs of an output), as torch draws them itself, but its own
    initialiser draws from the global random numbers. Batch norms keep theirs: 1 and 0.

    Args:
        module: On the generator's device, or on `meta`, where there is nothing to draw.
        generator: One order of layers takes one order of draws.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = layer.weight[0].numel() ** -0.5
            layer.weight.uniform_(-bound, bound, generator=generator)
            if layer.bias is not None:
                layer.bias.uniform_(-bound, bound, generator=generator)
