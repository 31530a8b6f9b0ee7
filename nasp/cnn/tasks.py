"""The task of image classification with CNN cells."""

from pathlib import Path

import torch
from torch import Tensor, nn

from nasp.cnn.data import EncodedSet, find_images, load_cifar, open_imagenet
from nasp.cnn.evaluation import VALUES, evaluate
from nasp.cnn.fit import cosine, fit, logits_of, set_rate
from nasp.cnn.images import ImageData, halves, in_memory, is_imagenet, on_disk
from nasp.cnn.limits import LATENCY, limits_of, milliseconds
from nasp.cnn.network import Network
from nasp.cnn.options import SearchOptions, TrainOptions
from nasp.cnn.space import CNNSpace, decisions_of
from nasp.cnn.zero_cost import synflow_cell
from nasp.core.decision import Decision
from nasp.core.genotype import Genotype
from nasp.core.relaxation import Relaxation
from nasp.files.schema import number, section, sequence
from nasp.metric import Metric, Metrics
from nasp.runs.context import RunContext
from nasp.search.task import Pairs, Task, TrainingResult
from nasp.strategies import Strategy
from nasp.training.parallel import mean_over_processes
from nasp.training.seeding import generator

MEASURED = section({"milliseconds": sequence(number(above=0.0))})


class ImageTask(Task):
    """A search for a normal and a reduction cell, or the training of a network of cells.

    Args:
        images: The images. A search trains and evaluates the architecture on held-out images.
        options: Options of the search or of the training.
    """

    name = "cnn"
    options: SearchOptions | TrainOptions

    def __init__(self, images: ImageData, options: SearchOptions | TrainOptions) -> None:
        self.images, self.options, self.device = images, options, images.device

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return tuple(VALUES)

    @property
    def scheduled(self) -> list[str]:
        options = self.options
        if isinstance(options, SearchOptions):
            return ["the learning rate"]
        cosine = ["the learning rate"] if options.learning_rate_decay is None else []
        return cosine + (["drop path"] if options.drop_path_prob else [])

    @property
    def _search(self) -> SearchOptions:
        assert isinstance(self.options, SearchOptions)
        return self.options

    def space(self, generator: torch.Generator, dense: bool) -> CNNSpace:
        options = self._search
        return CNNSpace(
            options.space,
            len(self.images.classes),
            options.channels,
            options.layers,
            generator,
            self.images.kind,
            precision=options.numbers(self.device),
            partial_channels=options.partial_channels,
        )

    def prepare(self, run: RunContext) -> None:
        """Set up the limits of the options; measured latencies are kept in the checkpoint."""
        decisions, _ = self.decisions(torch.Generator())
        kept: list[float] = []
        if (saved := run.checkpoint.get(LATENCY)) is not None:
            MEASURED(saved, run.checkpoint.place(LATENCY))
            kept = list(saved["milliseconds"])
        measured: list[float] = []

        def latency(module: nn.Module, shape: tuple[int, int, int]) -> float:
            if kept:  # measured before, in the same order
                return kept.pop(0)
            value = torch.tensor(milliseconds(module, shape, self.device), dtype=torch.float64)
            mean_over_processes([value])
            measured.append(float(value))
            return measured[-1]

        self.limits = limits_of(self._search, decisions, len(self.images.classes), latency)
        if measured:
            run.checkpoint.put(LATENCY, {"milliseconds": measured}, now=True)

    def choose_start(self, strategy: Strategy, restart: int, seed: int) -> None:
        if self._search.start == "synflow" and restart == 0:
            assert isinstance(strategy.space, CNNSpace)
            random = generator(seed, "synflow")
            strategy.start_from(synflow_cell(strategy.space, self.images.size, random))

    def optimizer(self, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
        return self.options.sgd(weights)

    def schedule(self, optimizer: torch.optim.Optimizer, position: int) -> None:
        options = self._search
        rate = cosine(options.learning_rate, options.learning_rate_min, position, options.epochs)
        set_rate(optimizer, rate)

    def loss(self, outputs: Tensor, batch: tuple[Tensor, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(outputs, batch[1])

    def examples(self, batch: tuple[Tensor, Tensor]) -> int:
        return len(batch[1])

    def batch_pairs(self, generator: torch.Generator) -> Pairs:
        return self.images.pairs(generator)

    def validate(self, space: nn.Module, relaxation: Relaxation) -> Metrics:
        valid = self.images.valid()
        assert valid is not None, "a search holds images out"
        return evaluate(lambda images: space((images, None), relaxation), valid, "valid")

    def decisions(self, generator: torch.Generator) -> tuple[tuple[Decision, ...], int]:
        return decisions_of(self._search.space, self._search.channels), 0

    def train(
        self, origin: str, genotype: Genotype, seed: int, run: RunContext
    ) -> list[TrainingResult]:
        """Train the network of the cells for all epochs; see `nasp.search.Task`."""
        options, random = self.training, generator(seed, origin)
        network = self.network(genotype, random)
        logits = logits_of(network, options.numbers(self.device))
        held_out = self.images.valid() is not None
        outcome = fit(
            origin,
            network,
            lambda epoch: self.images.train(epoch, random),
            options,
            epochs=options.epochs,
            generator=random,
            run=run,
            evaluate=(lambda: evaluate(logits, self.images.valid() or (), "valid"))
            if held_out
            else None,
        )
        last = len(outcome.history) - 1
        return [TrainingResult(origin, genotype, outcome.history, last, network.state_dict())]

    @property
    def training(self) -> TrainOptions:
        """Options of stand-alone trainings; in a search with the search's network size."""
        return self.options if isinstance(self.options, TrainOptions) else self.options.training()

    def network(self, genotype: Genotype, generator: torch.Generator) -> Network:
        """Make the network of a genotype, with new weights, on the task's device."""
        options = self.training
        return Network(
            genotype,
            options.channels,
            options.layers,
            len(self.images.classes),
            self.images.kind,
            options.auxiliary_weight > 0,
            generator,
        ).to(self.device)

    def trained_network(self, trained: TrainingResult) -> Network:
        """Return the trained network, in evaluation mode."""
        network = self.network(trained.genotype, torch.Generator())
        network.load_state_dict(trained.state)
        return network.eval()


def open_search(
    data: str, data_dir: Path | None, options: SearchOptions, seed: int, device: torch.device
) -> ImageTask:
    """Find and check the images of a search, and split them.

    Args:
        data: A name or a path.
        data_dir: Folder that holds data sets.
        options: Options of the search. A share `train_fraction` of the training images trains the
            weights, and the others train the architecture.
        seed: Determines the split, and the order of ImageNet's images.
        device: Device of the search.

    Raises:
        NaspError: The data are missing or damaged, or there are too few images.
    """
    path = find_images(data, data_dir)
    found = open_imagenet(path) if is_imagenet(path) else load_cifar(path)
    train, valid = halves(len(found.train), options.images, options.train_fraction, seed)
    if isinstance(found, EncodedSet):
        return ImageTask(on_disk(found, train, valid, options, seed, device, search=True), options)
    return ImageTask(in_memory(found, train, valid, options, device), options)
