"""The bilevel loop of one-shot strategies and the trial loop of samplers."""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import chain, count
from typing import Any

import torch
from torch import Tensor

from nasp.core.decision import Decision, weight_name
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.errors import Diverged, NaspError
from nasp.metric import Metrics
from nasp.runs.context import Run
from nasp.samplers.base import Proposal, Sampler
from nasp.strategies.base import Strategy
from nasp.training.loop import Outcome, run_epochs
from nasp.training.optimization import Losses, descend

Pairs = Iterable[tuple[Any, Any]]  # (training batch, validation batch)


def search(
    name: str,
    strategy: Strategy,
    optimizer: torch.optim.Optimizer,
    pairs: Callable[[], Pairs],
    evaluate: Callable[[Relaxation], Metrics],
    *,
    epochs: int,
    monitor: str,
    generator: torch.Generator,
    run: Run,
    warm_up: int = 0,
    gradient_clip: float | None = None,
    schedule: Callable[[int], None] = lambda position: None,
    max_seconds: float | None = None,
) -> Outcome:
    """Alternate architecture and weight steps (NASP, Algorithm 2; DARTS, Algorithm 1).

    Each epoch ends with the genotype of that moment, evaluated as the discrete network that it
    names; `Outcome.best` is the JSON text of the one with the best `monitor`.

    Args:
        name: The phase's name in the checkpoint.
        strategy: Holds the space and its architecture.
        optimizer: Steps on the space's weights.
        pairs: Starts an epoch: a training batch and a validation batch for each step.
        evaluate: Metrics of the discrete network on validation data.
        epochs: Number of epochs, the warm-up included.
        monitor: The metric that tells the best epoch, one of `evaluate`'s.
        generator: What `pairs` draws from; checkpointed.
        run: Checkpoint, progress and log.
        warm_up: First epochs in which only weights take steps.
        gradient_clip: Largest norm of the weights' gradient; None does not clip.
        schedule: Called at the start of an epoch with its position: sets the learning rate.
        max_seconds: Time budget.
    """
    space = strategy.space
    weights = space.weights()

    def epoch(position: int) -> Metrics:
        schedule(position)
        space.train()
        losses = Losses()
        for train, valid in pairs():
            if position >= warm_up:
                strategy.architecture_step(
                    partial(_loss, space, train), partial(_loss, space, valid)
                )
            loss = space(train, strategy.weight_relaxation())
            descend(loss, weights, optimizer, gradient_clip)
            space.constrain()
            losses.append(loss, space.examples(train))
        space.eval()
        metrics = {"train/loss": losses.mean()}
        metrics |= evaluate(Relaxation.one_path(strategy.projection(), strategy.device))
        for decision in space.decisions:
            metrics |= _weights_by_name(decision, strategy.architecture.weights[decision.name])
        return metrics

    return run_epochs(
        name,
        epoch,
        epochs=epochs,
        state={
            "space": space,
            "strategy": strategy,
            "optimizer": optimizer,
            "generator": generator,
        },
        monitor=monitor,
        snapshot=lambda: strategy.genotype().to_json(),
        run=run,
        max_seconds=max_seconds,
    )


def beside(train: Iterable[Any], valid: Callable[[], Iterable[Any]]) -> Pairs:
    """The pairs of an epoch: every training batch once, each beside a validation batch.

    Args:
        train: Training batches.
        valid: Starts a pass over the validation batches, of which there is one at least; it is
            called again as often as training goes on.
    """
    return zip(train, chain.from_iterable(valid() for _ in count()), strict=False)


def run_trials(
    sampler: Sampler, evaluate: Callable[[int, Proposal], float], trials: int
) -> list[tuple[float, Proposal]]:
    """Ask a sampler for architectures, evaluate each, and tell it the score.

    A resumed run asks for the same architectures again; what `evaluate` trains comes back from
    the checkpoint, so that neither the sampler nor this loop has a state to save.

    Args:
        sampler: Proposes architectures.
        evaluate: Returns the score to minimise, given the trial's position and proposal; it raises
            `Diverged` where there is none.
        trials: Number of architectures.

    Returns:
        Scores and proposals in the order of the trials; a failed one has the score infinity.

    Raises:
        NaspError: All trials failed.
    """
    results, reason = [], ""
    for position in range(trials):
        proposal = sampler.ask()
        try:
            score = evaluate(position, proposal)
            if not math.isfinite(score):
                raise Diverged(
                    f"trial {position + 1} has the score {score}: lower the learning rate"
                )
        except Diverged as error:
            score, reason = math.inf, reason or str(error)
        sampler.tell(proposal, score)
        results.append((score, proposal))
    if all(score == math.inf for score, _ in results):
        raise NaspError(f"all {trials} trials failed; the first: {reason}")
    return results


def _loss(
    space: SearchSpace,
    batch: Any,
    relaxation: Relaxation,
    weights: Mapping[str, Tensor] | None = None,
) -> Tensor:
    if weights is None:
        loss: Tensor = space(batch, relaxation)
        return loss
    return torch.func.functional_call(space, dict(weights), (batch, relaxation))  # type: ignore[no-any-return]


def _weights_by_name(decision: Decision, a: Tensor) -> Metrics:
    return {
        weight_name(decision, source, operation): value
        for source, row in zip(decision.sources, a.tolist(), strict=True)
        for operation, value in zip(decision.operations, row, strict=True)
    }
