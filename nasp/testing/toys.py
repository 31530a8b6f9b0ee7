"""Small spaces, and a task on them, for tests of strategies and samplers."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.genotype import Choices, Genotype, projection_of
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.metric import LOSS, Metrics
from nasp.runs.context import RunContext
from nasp.search import SearchOptions, Task, TrainingResult
from nasp.search.task import Pairs
from nasp.training.loop import run_epochs
from nasp.training.optimization import Adagrad, Losses, descend
from nasp.training.seeding import generator as seeded


class ToySpace(SearchSpace):
    """A space with generated batches and a loss."""

    @abstractmethod
    def loss(self, outputs: Any, batch: Any) -> Tensor:
        """Return the mean loss of a batch, a scalar."""

    @abstractmethod
    def batches(self, generator: torch.Generator) -> Iterator[Any]:
        """Yield batches without end."""

    def genotype(self, choices: Choices) -> Genotype:
        return Genotype(self.name, choices)


class ToyCNN(ToySpace):
    """A cell of two nodes with 2 and 3 edges and three operations; each node keeps two edges.

    Args:
        generator: Source of the start weights.
    """

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
        """Return logits of three classes."""
        states = [batch[0], batch[0].flip(-1)]
        for d in self.decisions:

            def run(edge: int, operation: int, name: str = d.name) -> Tensor:
                x = states[edge]
                if operation == 0:
                    return x
                if operation == 1:
                    kernel = self.convs[f"{name}_{edge}"]
                    normalised: Tensor = self.norm(
                        nn.functional.conv2d(x.relu(), kernel, padding=1)
                    )
                    return normalised
                return nn.functional.avg_pool2d(x, 3, stride=1, padding=1)

            states.append(relaxation.mix(d.name, run))
        return states[-1].mean((2, 3)) @ self.classifier.T

    def loss(self, outputs: Tensor, batch: tuple[Tensor, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(outputs, batch[1])

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            images = torch.randn(6, 4, 5, 5, generator=generator, dtype=self.classifier.dtype)
            yield images, torch.randint(3, (6,), generator=generator)


class ToyRNN(ToySpace):
    """A recurrent cell of three nodes, which four time steps share.

    Args:
        generator: Source of the start weights.
    """

    name = "toy-rnn"

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        operations = ("tanh", "relu", "sigmoid", "identity")
        self.decisions = tuple(
            Decision(f"node{i}", tuple(f"s{e}" for e in range(i + 1)), operations, (0, 0, 0, 0))
            for i in range(3)
        )
        self.maps = nn.Parameter(0.4 * torch.randn(3, 5, 10, generator=generator))

    def forward(self, batch: tuple[Tensor, Tensor], relaxation: Relaxation) -> Tensor:
        """Return the states after each time step."""
        inputs, _ = batch
        state, outputs = torch.zeros_like(inputs[0]), []
        functions: list[Callable[[Tensor], Tensor]]
        functions = [torch.tanh, torch.relu, torch.sigmoid, lambda x: x]
        for x in inputs:
            states = [torch.tanh(x + state)]
            for i, d in enumerate(self.decisions):

                def run(edge: int, operation: int, i: int = i, s: list[Tensor] = states) -> Tensor:
                    gate, candidate = (s[edge] @ self.maps[i]).chunk(2, dim=-1)
                    return s[edge] + gate.sigmoid() * (functions[operation](candidate) - s[edge])

                states.append(relaxation.mix(d.name, run))
            state = torch.stack(states[1:]).mean(0)
            outputs.append(state)
        return torch.stack(outputs)

    def loss(self, outputs: Tensor, batch: tuple[Tensor, Tensor]) -> Tensor:
        return (outputs - batch[1]).square().mean((1, 2)).sum()

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            shape, dtype = (4, 6, 5), self.maps.dtype
            inputs = torch.randn(shape, generator=generator, dtype=dtype)
            yield inputs, torch.randn(shape, generator=generator, dtype=dtype)


@dataclass
class ToyOptions(SearchOptions):
    """Options of a search of a few steps.

    Attributes:
        steps: Number of steps of an epoch.
        gradient_clip: Largest norm of the weights' gradient; null does not clip.
    """

    epochs: int = 4
    warm_up: int = 1
    train_epochs: int = 2
    steps: int = 3
    gradient_clip: float | None = None


class ToyTask(Task):
    """Search and training on a toy space.

    Args:
        make: Makes the space from a generator: a class or a module-level function.
        options: Options of the search and the training.
    """

    name = "toy"
    metrics = (LOSS,)
    options: ToyOptions

    def __init__(
        self, make: Callable[[torch.Generator], ToySpace], options: ToyOptions | None = None
    ) -> None:
        self.make, self.options = make, options or ToyOptions()
        self.device = torch.device("cpu")
        self._template = make(
            torch.Generator().manual_seed(0)
        )  # for properties that do not depend on weights

    def space(self, generator: torch.Generator, dense: bool) -> ToySpace:
        return self.make(generator)

    def optimizer(self, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
        return Adagrad(weights, lr=0.05)

    def loss(self, outputs: Any, batch: Any) -> Tensor:
        return self._template.loss(outputs, batch)

    def examples(self, batch: Any) -> int:
        return 1

    def batch_pairs(self, generator: torch.Generator) -> Pairs:
        batches = self._template.batches(generator)
        for _ in range(self.options.steps):
            yield next(batches), next(batches)

    def validate(self, space: SearchSpace, relaxation: Relaxation) -> Metrics:
        assert isinstance(space, ToySpace)
        batch = next(space.batches(torch.Generator().manual_seed(99)))
        with torch.no_grad():
            return {"valid/loss": float(self.loss(space(batch, relaxation), batch))}

    def decisions(self, generator: torch.Generator) -> tuple[tuple[Decision, ...], int]:
        return self._template.decisions, 0

    def train(
        self, origin: str, genotype: Genotype, seed: int, run: RunContext
    ) -> list[TrainingResult]:
        """Train the path of a genotype."""
        random = seeded(seed, origin)
        network = self.make(random)
        path = Relaxation.one_path(projection_of(network.decisions, genotype.choices))
        weights = network.weights()
        optimizer = self.optimizer(weights)

        def epoch(position: int) -> Metrics:
            losses = Losses()
            for batch in islice(network.batches(random), self.options.steps):
                loss = self.loss(network(batch, path), batch)
                descend(loss, [w for w in weights if w.requires_grad], optimizer)
                losses.append(loss, 1)
            return {"train/loss": losses.mean(), **self.validate(network, path)}

        outcome = run_epochs(
            origin,
            epoch,
            epochs=self.options.train_epochs,
            state={"network": network, "optimizer": optimizer, "generator": random},
            monitor=self.monitor,
            snapshot=lambda: {k: v.clone() for k, v in network.state_dict().items()},
            run=run,
        )
        return [TrainingResult(origin, genotype, outcome.history, outcome.best_epoch, outcome.best)]
