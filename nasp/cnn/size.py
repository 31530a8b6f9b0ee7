"""How large a network is: its parameters and its multiply-adds."""

import copy
from collections.abc import Collection

import torch
from torch import Tensor, nn


def parameters(module: nn.Module, without: Collection[str] = ("auxiliary",)) -> int:
    """Count the weights.

    Args:
        module: The network, on any device; on `meta` too.
        without: Names of parts that do not count. Papers leave out the auxiliary head, which is
            only there in training.
    """
    return sum(
        weights.numel()
        for name, weights in module.named_parameters()
        if not set(name.split(".")) & set(without)
    )


def mult_adds(module: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """Count the multiply-adds of convolutions and linear layers for one image, in evaluation.

    Nothing is computed: a copy of the module without numbers is asked for its shapes.

    Args:
        module: Takes images `(1, channels, height, width)`; it stays as it is.
        image_shape: Channels, height and width.
    """
    total = 0

    def count(layer: nn.Module, inputs: object, output: Tensor) -> None:
        nonlocal total
        weight = layer.weight
        assert isinstance(weight, Tensor)
        total += output.numel() * weight[0].numel()  # each output sums over one filter

    shadow = copy.deepcopy(module).to("meta").eval()
    for layer in shadow.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        shadow(torch.zeros(1, *image_shape, device="meta"))
    return total
