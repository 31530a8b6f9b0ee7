"""The size of a network: its parameters and its multiply-adds."""

import copy
from collections.abc import Collection

import torch
from torch import Tensor, nn


def parameters(module: nn.Module, without: Collection[str] = ("auxiliary",)) -> int:
    """Count the weights.

    Args:
        module: The network, on any device, including `meta`.
        without: Names of parts that are not counted. Papers leave out the auxiliary head, which is
            used only in training.
    """
    return sum(
        weights.numel()
        for name, weights in module.named_parameters()
        if not set(name.split(".")) & set(without)
    )


def mult_adds(module: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """Count the multiply-adds of convolutions and linear layers for one image, in evaluation.

    A copy of the module evaluates one image on the CPU. Shapes alone, on `meta`, would take longer,
    because torch would import its compiler.

    Args:
        module: A module for images `(1, channels, height, width)`; it is not changed.
        image_shape: Channels, height and width.
    """
    total = 0

    def count(layer: nn.Module, inputs: object, output: Tensor) -> None:
        nonlocal total
        weight = layer.weight
        assert isinstance(weight, Tensor)
        total += output.numel() * weight[0].numel()  # each output sums over one filter

    network = copy.deepcopy(module).cpu().eval()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, *image_shape))
    return total
