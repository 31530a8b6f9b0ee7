"""Sampling of the posterior of a genotype, in place of a training of one set of weights."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from nasp.core.genotype import Genotype
from nasp.metric import Metrics
from nasp.runs.context import RunContext
from nasp.training.loop import PhaseResult, Stateful, run_epochs
from sif.data.rating_tensors import Ratings
from sif.data.search_data import SearchData
from sif.evaluation.ratings import monitor_of, validated
from sif.nn.encoders import RatingGraph
from sif.nn.operations import functions
from sif.nn.space import DECISION
from sif.options import TrainOptions
from sif.posterior.gibbs import Block, GibbsSampler, Sample, predict
from sif.posterior.model import (
    PosteriorAverage,
    has_product,
    interaction_of,
    is_multilinear,
    parts_of,
)
from sif.posterior.side_information import Entries, SideInformation

SWEEPS = 10  # sweeps in an epoch of progress
PATIENCE = 5  # epochs without improvement after which no more samples are drawn
WARM_UP = 0.15  # share of the sweeps before samples are kept
ENCODERS = ("id", "history")


def can_be_sampled(genotype: Genotype, entities: int) -> bool:
    """Whether the genotype can be sampled, see `sif.posterior.gibbs`, and is more than biases."""
    terms = genotype.choices[DECISION]
    known = [functions(entities)[name] for _, name in terms]
    return (
        not genotype.continuous
        and all(encoder in ENCODERS for encoder, _ in terms)
        and all(map(is_multilinear, known))
        and any(map(has_product, known))
    )


def sample_posterior(
    name: str,
    genotype: Genotype,
    data: SearchData,
    graph: RatingGraph | None,
    options: TrainOptions,
    *,
    epochs: int | None = None,
    generator: torch.Generator,
    run: RunContext,
) -> tuple[PosteriorAverage, PhaseResult]:
    """Draw samples of the parameters of a genotype, given the training ratings.

    An epoch has ten draws. Draws end when validation RMSE of the average has not improved for some
    epochs, and later draws than those of the best epoch are left out: where ratings are few, long
    chains are a little worse than short ones.

    With the encoder `history`, what a user rated is side information on the user, and who rated an
    item on the item, with weights of their own, not shared with the embeddings: only then is the
    prediction linear in each of them.

    Args:
        name: The phase's name in the checkpoint.
        genotype: A genotype that can be sampled.
        data: Training ratings, and validation ratings, if there are any, which judge the average.
        graph: The graph of the training ratings, if an encoder needs it.
        options: The options.
        epochs: Number of epochs; None for as many as `sweeps` needs.
        generator: Source of all draws.
        run: Checkpoint, progress and log.
    """
    chain = Chain(genotype, data, graph, options, generator)

    def epoch(position: int) -> Metrics:
        chain.advance(position * SWEEPS, min(SWEEPS, options.sweeps - position * SWEEPS))
        return {"train/loss": 1 / chain.sampler.precision, **validated(chain.valid_mean, data)}

    outcome = run_chain(
        name,
        chain,
        epoch,
        data,
        epochs=epochs or -(-options.sweeps // SWEEPS),
        first=chain.warm_up // SWEEPS,
        generator=generator,
        run=run,
    )
    return chain.average(SWEEPS * (outcome.best_epoch + 1)), outcome


def run_chain(
    name: str,
    chain: Stateful,
    epoch: Callable[[int], Metrics],
    data: SearchData,
    *,
    epochs: int,
    first: int,
    generator: torch.Generator,
    run: RunContext,
) -> PhaseResult:
    """Run the epochs of a chain until validation RMSE of the average stops improving.

    Without validation ratings it runs all epochs. What the chain has drawn stays in the checkpoint.

    Args:
        name: The phase's name in the checkpoint.
        chain: What an epoch changes, besides the generator.
        epoch: Runs the epoch at a position, and returns its metrics.
        data: The data.
        epochs: Maximum number of epochs.
        first: The first epoch that can be selected.
        generator: Source of all draws.
        run: Checkpoint, progress and log.
    """
    judged = len(data.valid.ratings) > 0
    return run_epochs(
        name,
        epoch,
        epochs=epochs,
        state={"chain": chain, "generator": generator},
        monitor=monitor_of(data),
        snapshot=dict,
        run=run,
        keep=("chain",),
        first=first,
        patience=PATIENCE if judged else None,
        answer="best" if judged else "last",
    )


class Chain:
    """A sampler, with what it has drawn so far; see `sample_posterior` for the arguments.

    Attributes:
        warm_up: Number of first sweeps whose draws are not kept, but for the last of them.
    """

    def __init__(
        self,
        genotype: Genotype,
        data: SearchData,
        graph: RatingGraph | None,
        options: TrainOptions,
        generator: torch.Generator,
    ) -> None:
        self._sizes, self._terms = data.encoder.sizes, genotype.choices[DECISION]
        self.warm_up = round(WARM_UP * options.sweeps)
        rows, self._valid = (_block_rows(part, self._sizes) for part in (data.train, data.valid))
        count, width = len(self._sizes), options.embedding_dim + 1
        blocks = list[Block]()
        for term, (encoder, _) in enumerate(self._terms):
            for entity, size in enumerate(self._sizes):
                side = _side(data, graph, encoder, entity, width)
                blocks.append(
                    Block(term * count + entity, rows[entity], size, width, side, generator)
                )
            if data.sessions is not None:  # they are added to the user's encoding
                blocks.append(
                    Block(term * count, rows[-1], len(data.sessions), width, None, generator)
                )
        self._entities = [block.entity for block in blocks]
        self._interaction = interaction_of(self._terms, count)
        self.sampler = GibbsSampler(
            self._interaction,
            count * len(self._terms),
            blocks,
            rows.repeat(len(self._terms), 1),
            data.train.ratings.cpu(),
            generator,
        )
        self._samples: list[Sample] = []
        self._total = torch.zeros(self._valid.shape[1], dtype=torch.float64)

    def advance(self, first: int, count: int) -> None:
        """Draw `count` times, after `first` draws, and keep the draws after the warm-up."""
        for position in range(first, first + count):
            self.sampler.sweep()
            # Until there are samples after the warm-up, the last draw stands for them.
            if position <= self.warm_up:
                self._samples.clear()
                self._total.zero_()
            sample = self.sampler.sample()
            self._samples.append(sample)
            self._total += self._predict(sample)

    def _predict(self, sample: Sample) -> Tensor:
        rows = self._valid.repeat(len(self._terms), 1)
        return predict(self._interaction, sample, self._entities, rows)

    def valid_mean(self) -> Tensor:
        """Return the mean prediction of the validation ratings, standardised, `(ratings,)`."""
        return (self._total / len(self._samples)).float()

    def average(self, sweeps: int) -> PosteriorAverage:
        """Return the average of what the first sweeps drew after the warm-up."""
        kept = self._samples[: max(1, sweeps - self.warm_up)]
        blocks: Sequence[tuple[Tensor, ...]] = [sample.blocks for sample in kept]
        samples = [torch.stack(parts) for parts in zip(*blocks, strict=True)]
        features = {n: torch.stack([s.features[n] for s in kept]) for n in kept[0].features}
        return PosteriorAverage(self._terms, self._sizes, samples, features)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the sampler and all samples, for the checkpoint."""
        return {
            "sampler": self.sampler.state_dict(),
            "samples": self.average(self.warm_up + len(self._samples)).state_dict(),
            "total": self._total,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.sampler.load_state_dict(state["sampler"])
        self._total.copy_(state["total"])
        samples, features = parts_of(state["samples"])
        self._samples = [
            Sample(blocks, {n: weights[number] for n, weights in features.items()})
            for number, blocks in enumerate(zip(*samples, strict=True))
        ]


def _block_rows(ratings: Ratings, sizes: Sequence[int]) -> Tensor:
    """Return the row of each rating in the blocks of a term, `(blocks, ratings)`."""
    offsets = torch.tensor([0, *sizes[:-1]]).cumsum(0).unsqueeze(1)
    rows: Tensor = ratings.rows.cpu().long() - offsets
    return rows if ratings.sessions is None else torch.cat([rows, ratings.sessions.unsqueeze(0)])


def _side(
    data: SearchData, graph: RatingGraph | None, encoder: str, entity: int, width: int
) -> SideInformation | None:
    """Return the features of an entity, and with `history` what users rated or who rated items."""
    sizes, groups = data.encoder.sizes, list[Entries]()
    if encoder == "history" and entity < 2:
        assert graph is not None, "the encoder `history` needs the graph"
        edges, first = graph.history.cpu(), (0, sizes[0])
        mine = (edges.row >= first[entity]) & (edges.row < first[entity] + sizes[entity])
        row, column = edges.row[mine] - first[entity], edges.column[mine] - first[1 - entity]
        groups.append(Entries(row, column, edges.value[mine], sizes[1 - entity]))
    if (features := data.features[entity]) is not None:
        row, column, value = map(torch.from_numpy, features.entries())
        groups.append(Entries(row, column, value, features.matrix.shape[1], kept=True))
    return SideInformation(groups, sizes[entity], width) if groups else None
