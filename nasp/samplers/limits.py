"""Proposals of samplers that keep the limits of a search."""

from collections.abc import Sequence

import torch

from nasp.core.genotype import projection_of
from nasp.core.limit import Limit, allowed
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.errors import NaspError
from nasp.samplers.base import Sampler
from nasp.samplers.random import Random
from nasp.samplers.trial import Trial

PROPOSALS = 10_000  # proposals in a row that may exceed a limit


def ask_within(limits: Sequence[Limit], sampler: Sampler, count: int) -> list[Trial]:
    """Ask a sampler for trials that keep all limits.

    A proposal that does not is told as a failed trial, and is not trained.

    Raises:
        NaspError: None of many proposals keeps the limits.
    """
    if not limits:
        return sampler.ask(count)
    kept: list[Trial] = []
    for _ in range(count):
        for _ in range(PROPOSALS):
            (trial,) = sampler.ask(1)
            if allowed(limits, trial.choices):
                kept.append(trial)
                break
            sampler.tell(trial.failed("a limit is exceeded"))
        else:
            names = " and ".join(f"{limit.name} {limit.most:g}" for limit in limits)
            raise NaspError(
                f"{PROPOSALS} proposals in a row exceed {names}: raise it, or take a strategy on "
                "shared weights"
            )
    return kept


def even_path(space: SearchSpace, generator: torch.Generator, device: torch.device) -> Relaxation:
    """Return a path that is drawn evenly from those that keep the space's limits.

    With such paths the weights of all candidates learn.

    Raises:
        NaspError: None of many paths keeps the limits.
    """
    (drawn,) = ask_within(space.limits, Random(space.decisions, generator), 1)
    return Relaxation.one_path(projection_of(space.decisions, drawn.choices), device)
