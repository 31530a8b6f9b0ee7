"""Small spaces of the three kinds, for the contracts that hold on all of them."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.genotype import Choices, Genotype
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from sif.nn.space import InteractionSpace
from sif.options import SpaceOptions


class ToyCNN(SearchSpace):
    """A cell of two nodes: 2 and 3 edges, each of which may carry three operations; two stay."""

    name = "toy-cnn"

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        operations = ("skip", "conv", "pool")
        self.decisions = tuple(
            Decision(f"node{i}", tuple(f"in{e}" for e in range(2 + i)), operations, (0, 144, 0), 2)
            for i in range(2)
        )
        self.convs = nn.ParameterDict(
            {
                f"{d.name}_{e}": nn.Parameter(0.2 * torch.randn(4, 4, 3, 3, generator=generator))
                for d in self.decisions
                for e in range(len(d.sources))
            }
        )
        self.norm = nn.BatchNorm2d(4)
        self.classifier = nn.Parameter(torch.randn(3, 4, generator=generator))

    def forward(self, batch: tuple[Tensor, Tensor], relaxation: Relaxation) -> Tensor:
        images, labels = batch
        states = [images, images.flip(-1)]
        for d in self.decisions:

            def run(edge: int, operation: int, name: str = d.name) -> Tensor:
                x = states[edge]
                if operation == 0:
                    return x
                if operation == 1:
                    kernel = self.convs[f"{name}_{edge}"]
                    return self.norm(nn.functional.conv2d(x.relu(), kernel, padding=1))
                return nn.functional.avg_pool2d(x, 3, stride=1, padding=1)

            states.append(relaxation.mix(d.name, run))
        logits = states[-1].mean((2, 3)) @ self.classifier.T
        return nn.functional.cross_entropy(logits, labels)

    def genotype(self, choices: Choices) -> Genotype:
        return Genotype(self.name, choices)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            images = torch.randn(6, 4, 5, 5, generator=generator, dtype=self.classifier.dtype)
            yield images, torch.randint(3, (6,), generator=generator)


class ToyRNN(SearchSpace):
    """A recurrent cell of three nodes: the same decisions are taken at each of four time steps."""

    name = "toy-rnn"

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        operations = ("tanh", "relu", "sigmoid", "identity")
        self.decisions = tuple(
            Decision(f"node{i}", tuple(f"s{e}" for e in range(i + 1)), operations, (0, 0, 0, 0))
            for i in range(3)
        )
        maps = 0.4 * torch.randn(3, 5, 10, generator=generator)
        self.maps = nn.Parameter(maps)

    def forward(self, batch: tuple[Tensor, Tensor], relaxation: Relaxation) -> Tensor:
        inputs, targets = batch
        state = torch.zeros_like(inputs[0])
        loss = inputs.new_zeros(())
        functions: list[Callable[[Tensor], Tensor]]
        functions = [torch.tanh, torch.relu, torch.sigmoid, lambda x: x]
        for x, target in zip(inputs, targets, strict=True):
            states = [torch.tanh(x + state)]
            for i, d in enumerate(self.decisions):

                def run(edge: int, operation: int, i: int = i, s: list[Tensor] = states) -> Tensor:
                    gate, candidate = (s[edge] @ self.maps[i]).chunk(2, dim=-1)
                    return s[edge] + gate.sigmoid() * (functions[operation](candidate) - s[edge])

                states.append(relaxation.mix(d.name, run))
            state = torch.stack(states[1:]).mean(0)
            loss = loss + (state - target).square().mean()
        return loss

    def genotype(self, choices: Choices) -> Genotype:
        return Genotype(self.name, choices)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            shape, dtype = (4, 6, 5), self.maps.dtype
            inputs = torch.randn(shape, generator=generator, dtype=dtype)
            yield inputs, torch.randn(shape, generator=generator, dtype=dtype)


class ToyCF(InteractionSpace):
    """The real interaction space, with three entities and few ids."""

    def __init__(self, generator: torch.Generator) -> None:
        options = SpaceOptions(embedding_dim=3, embedding_std=1.0)
        super().__init__((7, 6, 4), options, generator)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        first = torch.tensor([0, 7, 13])
        while True:
            positions = torch.stack(
                [torch.randint(size, (8,), generator=generator) for size in self.embeddings.sizes]
            )
            ratings = torch.randn(8, generator=generator, dtype=self.heads.dtype)
            yield positions + first[:, None], ratings


TOYS = {"cnn": ToyCNN, "rnn": ToyRNN, "cf": ToyCF}
