"""Towers of layers over the joined embeddings of many fields: cross layers and hidden layers."""

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from sif.options import FieldOptions

NONE = "none"
DEPTHS = (1, 2, 3)


def layer(inputs: int, outputs: int, generator: torch.Generator, *, bias: bool = True) -> nn.Linear:
    """Make a linear layer with He's initial weights, drawn from the generator, and zero bias."""
    linear = nn.Linear(inputs, outputs, bias, device="meta").to_empty(device="cpu")
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu", generator=generator)
    if bias:
        nn.init.zeros_(linear.bias)
    return linear


class Dropout:
    """Dropout with masks from a generator, instead of torch's global one.

    Args:
        probability: Probability that a unit is dropped, in steps of 1/256.
        generator: Draws the masks, on the CPU.
    """

    def __init__(self, probability: float, generator: torch.Generator) -> None:
        self.dropped, self.generator = round(256 * probability), generator

    def __call__(self, x: Tensor) -> Tensor:
        """Drop units of a tensor of any shape, and scale the others up."""
        if not self.dropped:
            return x
        # Eight units for each random number, which is what takes the time.
        drawn = torch.empty(-(-x.numel() // 8), dtype=torch.int64)
        drawn.random_(-(2**63), None, generator=self.generator)
        kept = drawn.view(torch.uint8)[: x.numel()].view(x.shape) >= self.dropped
        return x * kept.to(x).mul_(256 / (256 - self.dropped))


class CrossLayers(nn.Module):
    """Cross layers, `x_{l+1} = x_0 ⊙ (W_l x_l + b_l) + x_l` (DCN-V2, arXiv 2008.13535, eq. 1, 2).

    Args:
        inputs: Length of the joined embeddings.
        depth: Number of layers.
        options: Its `cross_rank` is the rank of each `W_l`; 0 for full matrices.
        generator: Draws the initial values.
    """

    def __init__(
        self, inputs: int, depth: int, options: FieldOptions, generator: torch.Generator
    ) -> None:
        super().__init__()
        rank = options.cross_rank

        def weight() -> nn.Module:
            if not rank:
                return layer(inputs, inputs, generator)
            return nn.Sequential(
                layer(inputs, rank, generator, bias=False), layer(rank, inputs, generator)
            )

        self.layers = nn.ModuleList(weight() for _ in range(depth))

    @staticmethod
    def width(inputs: int, options: FieldOptions) -> int:
        """Return the length of a layer's output."""
        return inputs

    @staticmethod
    def size(inputs: int, depth: int, options: FieldOptions) -> int:
        """Return the number of parameters."""
        rank = options.cross_rank
        return depth * inputs * (2 * rank + 1 if rank else inputs + 1)

    def step(self, number: int, x: Tensor, first: Tensor, dropout: Dropout | None) -> Tensor:
        """Apply the layer at position `number` to its input `x`; `first` is the tower's input."""
        return torch.addcmul(x, first, self.layers[number](x))


class HiddenLayers(nn.Module):
    """Hidden layers with ReLU and dropout; see `CrossLayers`."""

    def __init__(
        self, inputs: int, depth: int, options: FieldOptions, generator: torch.Generator
    ) -> None:
        super().__init__()
        units = options.hidden_units
        self.layers = nn.ModuleList(
            layer(units if number else inputs, units, generator) for number in range(depth)
        )

    @staticmethod
    def width(inputs: int, options: FieldOptions) -> int:
        """Return the length of a layer's output."""
        return options.hidden_units

    @staticmethod
    def size(inputs: int, depth: int, options: FieldOptions) -> int:
        """Return the number of parameters."""
        units = options.hidden_units
        return units * (inputs + 1 + (depth - 1) * (units + 1))

    def step(self, number: int, x: Tensor, first: Tensor, dropout: Dropout | None) -> Tensor:
        """Apply the layer at position `number` to its input `x`."""
        hidden = self.layers[number](x).relu_()
        return hidden if dropout is None else dropout(hidden)


STACKS: dict[str, type[CrossLayers | HiddenLayers]] = {"cross": CrossLayers, "hidden": HiddenLayers}
OPERATIONS = {f"{kind}{depth}": (kind, depth) for kind in STACKS for depth in DEPTHS}
"""The kind and the number of layers of each operation; `NONE` stands for no layers."""


class Tower(nn.Module):
    """The candidates of one tower, each a number of layers with a linear head.

    Candidates of the same kind share their layers: those of `hidden1` are the first of `hidden3`.

    Args:
        inputs: Length of the joined embeddings.
        operations: Names in `OPERATIONS`, or `NONE`.
        options: The options.
        generator: Draws the initial values.
    """

    def __init__(
        self,
        inputs: int,
        operations: Sequence[str],
        options: FieldOptions,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        depths: dict[str, int] = {}
        for kind, depth in (OPERATIONS[name] for name in operations if name != NONE):
            depths[kind] = max(depth, depths.get(kind, 0))
        self.stacks = nn.ModuleDict(
            {
                kind: STACKS[kind](inputs, depth, options, generator)
                for kind, depth in depths.items()
            }
        )
        self.heads = nn.ParameterDict()
        for name in operations:
            if name != NONE:
                width = STACKS[OPERATIONS[name][0]].width(inputs, options)
                self.heads[name] = torch.randn(width, generator=generator) / sqrt(width)


def cost(operation: str, inputs: int, options: FieldOptions) -> float:
    """Return the number of parameters of a candidate.

    Args:
        operation: A name in `OPERATIONS`, or `NONE`.
        inputs: Length of the joined embeddings.
        options: The options.
    """
    if operation == NONE:
        return 0.0
    kind, depth = OPERATIONS[operation]
    stack = STACKS[kind]
    return float(stack.size(inputs, depth, options) + stack.width(inputs, options))


class TowerValues:
    """The values of a tower's candidates for one batch. Each layer runs once, when it is needed.

    Args:
        tower: The tower.
        x: The joined embeddings, `(rows, inputs)`.
        dropout: Applied after hidden layers; None for none.
    """

    def __init__(self, tower: Tower, x: Tensor, dropout: Dropout | None) -> None:
        self.tower, self.dropout = tower, dropout
        self.states = {kind: [x] for kind in STACKS}

    def value(self, operation: str) -> Tensor:
        """Return a candidate's value, `(rows,)`."""
        if operation == NONE:
            return next(iter(self.states.values()))[0].new_zeros(len(self))
        kind, depth = OPERATIONS[operation]
        states, stack = self.states[kind], self.tower.stacks[kind]
        assert isinstance(stack, CrossLayers | HiddenLayers)
        while len(states) <= depth:
            states.append(stack.step(len(states) - 1, states[-1], states[0], self.dropout))
        return states[depth].mv(self.tower.heads[operation])

    def __len__(self) -> int:
        return len(self.states["cross"][0])
