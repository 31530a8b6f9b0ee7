"""Langevin sampling of any function, by stochastic gradients, after a training of its weights.

The embeddings and biases take small steps along the gradient of a batch, with noise: stochastic
gradient Langevin dynamics (Welling and Teh, ICML 2011). Each row has its own step size, the inverse
of its curvature, which the squares of its gradients estimate (Ahn, Korattikara and Welling, ICML
2012). The heads and all other weights stay as trained.
"""

import copy
from typing import Any

import torch
from torch import Tensor

from nasp.core.genotype import Genotype
from nasp.metric import LOSS, Metrics
from nasp.runs.context import RunContext
from nasp.training.loop import PhaseResult
from nasp.training.optimization import Losses
from sif.data.search_data import SearchData
from sif.evaluation.ratings import predict, validated
from sif.nn.encoders import RatingGraph
from sif.nn.space import InteractionSpace
from sif.objectives import squared_error
from sif.options import TrainOptions
from sif.posterior.average import NetworkAverage
from sif.posterior.sampling import SWEEPS, run_chain
from sif.rating_fit import train_alone

# The noise is that of a posterior to the power of 1 / TEMPERATURE. On MovieLens 100K, `multiply` of
# `graph2` has validation RMSE 0.9304 as trained and 0.9278 as sampled; at 0.1 it gained less.
TEMPERATURE = 0.03
STEP = 0.5  # sum of the relative step sizes of an epoch
WARM_UP = 3  # epochs whose samples are left out
SMALLEST = 1e-6  # smallest mean square of a column of embeddings
SAMPLES = "train/samples"  # number of samples, a metric of each epoch of sampling


def sample_langevin(
    name: str,
    genotype: Genotype,
    data: SearchData,
    graph: RatingGraph | None,
    options: TrainOptions,
    *,
    epochs: int,
    samples: int | None = None,
    generator: torch.Generator,
    run: RunContext,
) -> tuple[NetworkAverage, PhaseResult]:
    """Train a genotype's network, and draw samples of its embeddings and biases after that.

    There is one sample for each epoch, an epoch for each ten of `sweeps`. Epochs end when
    validation RMSE of the average has not improved for some.

    Args:
        name: The phase's name in the checkpoint.
        genotype: The genotype.
        data: Training ratings, and validation ratings, if there are any.
        graph: The graph of the training ratings, if an encoder needs it.
        options: The options.
        epochs: Maximum number of epochs of the training.
        samples: Number of epochs of sampling; None for as many as `sweeps` needs.
        generator: Source of all random numbers.
        run: Checkpoint, progress and log.

    Returns:
        The average, and the epochs of the training up to its best, and of the sampling.
    """
    network, trained = train_alone(
        f"{name}: start",
        genotype,
        data,
        graph,
        options,
        epochs=epochs,
        generator=generator,
        run=run,
    )
    chain = Chain(network, data, options, generator)

    def epoch(position: int) -> Metrics:
        loss = chain.advance(position)
        return {
            LOSS.on("train").name: loss,
            SAMPLES: float(len(chain.samples)),
            **validated(chain.valid_mean, data),
        }

    outcome = run_chain(
        name,
        chain,
        epoch,
        data,
        epochs=samples or -(-options.sweeps // SWEEPS),
        first=WARM_UP,
        generator=generator,
        run=run,
    )
    # All epochs of a trial have the same metrics.
    start = [{SAMPLES: 0.0, **metrics} for metrics in trained.history[: trained.best_epoch + 1]]
    average = chain.average(genotype, int(outcome.history[outcome.best_epoch][SAMPLES]))
    both = PhaseResult([*start, *outcome.history], len(start) + outcome.best_epoch)
    return average, both


def epochs_of(history: list[Metrics]) -> tuple[int, int]:
    """Return the numbers of epochs of training and of sampling in a history."""
    sampling = sum(metrics.get(SAMPLES, 0.0) > 0 for metrics in history)
    return len(history) - sampling, sampling


class Chain:
    """Langevin dynamics of a network's table of embeddings and biases.

    The energy of a table is `N / (2 σ²)` times the mean squared error, plus `Σ α θ² / 2`. The
    precision α of each column of an entity's rows is that of the trained table; σ² is the training
    error of the epoch before.

    Args:
        network: The trained network.
        data: The ratings.
        options: The options.
        generator: Source of batches and noise.

    Attributes:
        samples: The tables that were kept.
    """

    def __init__(
        self,
        network: InteractionSpace,
        data: SearchData,
        options: TrainOptions,
        generator: torch.Generator,
    ) -> None:
        self._network, self._data, self._generator = network, data, generator
        self._size, self._dim = options.batch_size, network.embeddings.dim
        self._steps = -(-len(data.train.ratings) // options.batch_size)
        self._table = network.embeddings.table
        parts = torch.split(self._table.detach(), list(network.embeddings.sizes))
        squares = [part.square().mean(0).clamp(min=SMALLEST).expand_as(part) for part in parts]
        self._prior = 1 / torch.cat(squares)
        self.samples: list[Tensor] = []
        self._total = torch.zeros(data.valid.rows.shape[1], dtype=torch.float64)
        self._squares = torch.zeros_like(self._table)
        self._noise = 1.0  # σ²
        self._epoch(move=False)

    def advance(self, position: int) -> float:
        """Run the epoch at a position, and keep the last table; return the mean squared error."""
        # Until there are samples after the warm-up, the last one stands for them.
        if position <= WARM_UP:
            self.samples.clear()
            self._total.zero_()
        error = self._epoch(move=True)
        self.samples.append(self._table.detach().clone())
        if len(self._data.valid.ratings):
            self._total += predict(self._network.predictor(), self._data.valid.rows).cpu()
        return error

    def valid_mean(self) -> Tensor:
        """Return the mean prediction of the validation ratings, standardised, `(ratings,)`."""
        return (self._total / len(self.samples)).to(self._table)

    def average(self, genotype: Genotype, count: int) -> NetworkAverage:
        """Return the average over the first samples.

        Args:
            genotype: The network's genotype.
            count: Number of samples.
        """
        constant = (self._network.graph, self._network.embeddings.features)
        shared = {id(module): module for module in constant}  # they are large, and never change
        networks = []
        for table in self.samples[:count]:
            network = copy.deepcopy(self._network, dict(shared))
            network.embeddings.table.data.copy_(table)
            networks.append(network)
        return NetworkAverage([genotype] * count, networks)

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next epoch depends on, but the generator, and the samples."""
        return {
            "table": self._table.detach(),
            "prior": self._prior,
            "squares": self._squares,
            "noise": self._noise,
            "samples": torch.stack(self.samples),
            "total": self._total,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        with torch.no_grad():
            self._table.copy_(state["table"])
        self._prior, self._squares = state["prior"].clone(), state["squares"].clone()
        self._noise = state["noise"]
        self.samples = list(state["samples"])
        self._total.copy_(state["total"])

    def _epoch(self, move: bool) -> float:
        """Run an epoch, and update σ² and the mean squares of gradients; return the mean error.

        Args:
            move: Whether the table moves; if not, the squares are only measured.
        """
        network, table, count = self._network, self._table, len(self._data.train.ratings)
        squares, errors = torch.zeros_like(table), Losses()
        curvature = self._curvature() if move else table
        network.train()
        for batch in self._data.train.batches(self._size, self._generator):
            loss = squared_error(network(batch)[0], batch.ratings)
            (gradient,) = torch.autograd.grad(loss, table)
            squares.addcmul_(gradient, gradient, value=1 / self._steps)
            errors.append(loss, len(batch.ratings))
            if move:
                self._move(gradient * (count / (2 * self._noise)), curvature)
        network.eval()
        self._squares = (self._squares + squares) / 2 if move else squares
        self._noise = errors.mean()
        return self._noise

    def _curvature(self) -> Tensor:
        """Return an estimate of the energy's curvature, that of a row at least its mean.

        The squared gradient of a batch of B has the mean `4 σ² c / (B N)`, where `c / σ²` is the
        curvature of the first part of the energy.
        """
        count = len(self._data.train.ratings)
        data = self._squares * (count * self._size / (4 * self._noise**2))
        embeddings, biases = data[:, : self._dim], data[:, self._dim :]
        embeddings = torch.maximum(embeddings, embeddings.mean(1, keepdim=True))
        return torch.cat([embeddings, biases], dim=1) + self._prior

    @torch.no_grad()
    def _move(self, gradient: Tensor, curvature: Tensor) -> None:
        """Take a step.

        Args:
            gradient: That of the energy's first part.
            curvature: That of the energy.
        """
        relative, table = STEP / self._steps, self._table
        noise = torch.randn(table.shape, generator=self._generator).to(table)
        drift = torch.addcmul(gradient, self._prior, table)
        table.sub_(relative * drift / curvature)
        table.add_(noise * (2 * relative * TEMPERATURE / curvature).sqrt())
