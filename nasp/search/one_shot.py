"""A search on shared weights, which alternates architecture and weight steps."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import chain, count
from typing import Any

import torch
from torch import Tensor

from nasp.core.decision import Decision, weight_name
from nasp.core.genotype import Genotype
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.errors import Diverged
from nasp.metric import Metrics
from nasp.registry import class_and_options
from nasp.runs.context import RunContext
from nasp.search.task import Pairs, Task
from nasp.strategies import Strategy
from nasp.training.batch_norm import recalibrate
from nasp.training.loop import PhaseResult, run_epochs
from nasp.training.optimization import Losses, WeightStep, descend
from nasp.training.stopwatch import Stopwatch

RECALIBRATION = 16  # training batches whose statistics a validation uses, if there are batch norms


def one_shot_search(name: str, task: Task, restart: int, seed: int, run: RunContext) -> PhaseResult:
    """Alternate architecture and weight steps (NASP, Algorithm 2; DARTS, Algorithm 1).

    After each epoch the current genotype is evaluated as a discrete network on validation data.
    `PhaseResult.best` is the JSON text of the genotype that `--answer` selects. The metrics of an
    epoch hold losses, validation, and:

    - `time/weights_s`, `time/architecture_s`: seconds of the two kinds of steps;
    - `arch/change`: the norm of the change of `A`;
    - `arch/flips`: the number of kept candidates that were not kept after the epoch before;
    - `relaxed/<metric>`: validation of the network that the strategy trains, if it is not the
      discrete one. Its difference from `valid/<metric>` is the discretisation gap;
    - the weights `A`, named by `nasp.core.decision.weight_name`.

    Args:
        name: The phase's name in the checkpoint.
        task: The task, with its data and options.
        restart: Number of the restart, from 0.
        seed: Determines all random numbers.
        run: Checkpoint, progress and log.

    Raises:
        Diverged: A loss or metric is not finite.
    """
    random = task.restart_generator(seed, restart)
    strategy_class, strategy_options = class_and_options(task.options, "strategy")
    space = task.space(random, strategy_class.dense).to(task.device)
    space.limits = task.limits
    optimizer = task.optimizer(space.weights())
    step = WeightStep(optimizer, task.gradient_clip)
    strategy: Strategy = strategy_class(space, random, strategy_options, step)
    task.choose_start(strategy, restart, seed)
    return run_epochs(
        name,
        partial(_epoch, task, strategy, optimizer, random),
        epochs=task.options.epochs,
        state={
            "space": space,
            "strategy": strategy,
            "optimizer": optimizer,
            "generator": random,
        },
        monitor=task.monitor,
        snapshot=lambda: strategy.genotype().to_json(),
        run=run,
        first=task.options.warm_up,
        answer=task.options.answer or strategy.answer,
        max_seconds=task.max_seconds,
    )


def final_genotype(outcome: PhaseResult) -> tuple[Genotype, Metrics]:
    """Return the genotype that a search selected, and the metrics of its epoch."""
    return Genotype.from_json(outcome.best), outcome.history[outcome.best_epoch]


def _epoch(
    task: Task,
    strategy: Strategy,
    optimizer: torch.optim.Optimizer,
    random: torch.Generator,
    position: int,
) -> Metrics:
    space = strategy.space
    weights = space.weights()
    task.schedule(optimizer, position)
    strategy.begin_epoch(position, task.options.epochs)
    before = _moment(strategy)
    warming_up = position < task.options.warm_up
    latest = deque[Any](maxlen=RECALIBRATION)
    losses, watch = Losses(), Stopwatch(strategy.device)
    space.train()
    for train, valid in task.batch_pairs(random):
        latest.append(train)
        if not warming_up:
            with watch.time("architecture"):
                strategy.architecture_step(
                    partial(loss_of, task.loss, space, train),
                    partial(loss_of, task.loss, space, valid),
                )
        with watch.time("weights"):
            relaxation = (
                task.warm_up_relaxation(strategy, random)
                if warming_up
                else strategy.weight_relaxation()
            )
            loss = loss_of(task.loss, space, train, relaxation)
            penalty = strategy.weight_penalty()
            objective = loss if penalty is None else loss + penalty
            descend(objective, weights, optimizer, task.gradient_clip)
            space.constrain()
        losses.append(loss, task.examples(train))
    metrics = {"train/loss": losses.mean()}
    if not math.isfinite(metrics["train/loss"]):
        raise Diverged(f"train/loss is {metrics['train/loss']}: lower learning_rate")
    discrete = Relaxation.one_path(strategy.projection(), strategy.device)
    metrics |= _validated(task, space, discrete, latest)
    relaxed = strategy.search_relaxation()
    if relaxed is not None:
        values = _validated(task, space, relaxed, latest)
        metrics |= {k.replace("valid/", "relaxed/", 1): v for k, v in values.items()}
    metrics |= {f"time/{part}_s": watch.seconds(part) for part in ("weights", "architecture")}
    metrics |= _movement(before, _moment(strategy))
    for decision in space.decisions:
        metrics |= _weights_by_name(decision, strategy.scores()[decision.name])
    return metrics


def _validated(
    task: Task, space: SearchSpace, relaxation: Relaxation, batches: Iterable[Any]
) -> Metrics:
    """Validate a relaxation with its own statistics of batch norms, not those of other paths."""
    recalibrate(space, (partial(space, batch, relaxation) for batch in batches))
    space.eval()
    return task.validate(space, relaxation)


def loss_of(
    loss: Callable[[Any, Any], Tensor],
    space: SearchSpace,
    batch: Any,
    relaxation: Relaxation,
    weights: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Return the loss of a batch under a relaxation, a scalar.

    Args:
        loss: Computes the loss from the space's outputs and the batch, like `Task.loss`.
        space: The network.
        batch: The batch.
        relaxation: The weights of the candidates.
        weights: Tensors that replace parameters of the space, by name.
    """
    if weights is None:
        outputs = space(batch, relaxation)
    else:
        outputs = torch.func.functional_call(space, dict(weights), (batch, relaxation))
    return loss(outputs, batch)


def pair_batches(train: Iterable[Any], valid: Callable[[], Iterable[Any]]) -> Pairs:
    """Pair every training batch of an epoch with a validation batch.

    Args:
        train: The training batches.
        valid: Starts a pass over the validation batches, at least one. It is called again whenever
            a pass ends before the training batches do.
    """
    return zip(train, chain.from_iterable(valid() for _ in count()), strict=False)


Moment = tuple[Tensor, Tensor]


def _moment(strategy: Strategy) -> Moment:
    """Return `A` and its projection, each flattened, on the host."""
    names = [decision.name for decision in strategy.space.decisions]
    scores, projection = strategy.scores(), strategy.projection()
    a = torch.cat([scores[name].detach().flatten() for name in names]).cpu()
    return a, torch.cat([projection[name].flatten() for name in names]).cpu()


def _movement(before: Moment, after: Moment) -> Metrics:
    change = torch.linalg.vector_norm(after[0].double() - before[0].double())
    return {
        "arch/change": float(change),
        "arch/flips": float(((after[1] != before[1]) & (after[1] != 0)).sum()),
    }


def _weights_by_name(decision: Decision, a: Tensor) -> Metrics:
    return {
        weight_name(decision, source, operation): value
        for source, row in zip(decision.sources, a.tolist(), strict=True)
        for operation, value in zip(decision.operations, row, strict=True)
    }
