"""Costs of candidates add up to the network's, and searches keep the limits."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from nasp.cnn.data import LabelledImages
from nasp.cnn.images import ImagesInMemory
from nasp.cnn.limits import limits_of, milliseconds
from nasp.cnn.network import Network
from nasp.cnn.options import Budget, SearchOptions
from nasp.cnn.size import mult_adds, parameters
from nasp.cnn.space import decisions_of
from nasp.cnn.tasks import ImageTask
from nasp.core.genotype import Genotype
from nasp.core.limit import allowed
from nasp.errors import NaspError
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import RunContext
from nasp.samplers import SAMPLERS
from nasp.samplers import limits as sampler_limits
from nasp.samplers.limits import ask_within, even_path
from nasp.search import run_search
from nasp.strategies import ONE_SHOT
from nasp.training.seeding import generator

SIZES = {"channels": 4, "layers": 4, "size": 32}


def none(*given: Any) -> float:
    raise AssertionError("a latency was measured")


@pytest.mark.parametrize("kind", ["cifar", "imagenet"])
@pytest.mark.parametrize("space", ["nasp", "darts"])
def test_costs_of_candidates_add_up_to_those_of_the_network(space: str, kind: Any) -> None:
    size = 96 if kind == "imagenet" else 32
    budget = Budget(parameters=1e9, mult_adds=1e12, kind=kind, **(SIZES | {"size": size}))  # type: ignore[arg-type]
    decisions = decisions_of(space, 4)
    options = SearchOptions(space=space, budget=budget)
    of_parameters, of_mult_adds = limits_of(options, decisions, 10, none)
    for trial in SAMPLERS["random"](decisions, generator(1, "cells")).ask(3):
        network = Network(
            Genotype("cnn", trial.choices), 4, 4, 10, kind, True, torch.Generator()
        ).eval()
        assert of_parameters.total(trial.choices) == parameters(network)
        assert of_mult_adds.total(trial.choices) == mult_adds(network, (3, size, size))


def task_of(**options: Any) -> ImageTask:
    random = generator(1, "images")
    train, valid = (
        LabelledImages(
            torch.randint(256, (8, 3, 8, 8), dtype=torch.uint8, generator=random),
            torch.arange(8) % 2,
        )
        for _ in range(2)
    )
    data = ImagesInMemory(train, valid, None, ("a", "b"), 8, 0)
    small = {"batch_size": 8, "channels": 2, "layers": 3, "epochs": 1, "space": "darts"}
    return ImageTask(data, SearchOptions(**(small | options)))  # type: ignore[arg-type]


def test_a_search_keeps_its_limits() -> None:
    free = run_search(task_of(), 1, RunContext()).genotype
    budget = Budget(mult_adds=1e12, **SIZES)  # type: ignore[arg-type]
    (limit,) = limits_of(SearchOptions(budget=budget), decisions_of("darts", 2), 2, none)
    most = 0.9 * limit.total(free.choices)
    for strategy in ("nasp", "darts"):
        task = task_of(strategy=strategy, max_skips=1, budget=replace(budget, mult_adds=most))
        found = run_search(task, 1, RunContext()).genotype
        skips = [op for n, c in found.choices.items() if "normal" in n for _, op in c]
        assert skips.count("skip_connect") <= 1
        assert limit.total(found.choices) <= most


def test_samplers_propose_only_what_keeps_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of(max_skips=0)
    space = task.space(generator(1, "space"), dense=False)
    task.prepare(RunContext())
    space.limits = task.limits
    names = [d.operations.index("skip_connect") for d in space.decisions if "normal" in d.name]
    random = generator(1, "paths")
    drawing = [ONE_SHOT[name](space, random, ONE_SHOT[name].Options()) for name in ("asng", "enas")]
    for _ in range(20):
        paths = [even_path(space, random, task.device)]
        paths += [strategy.weight_relaxation() for strategy in drawing]
        for path in (path.active for path in paths):
            assert not any(k in names for name, c in path.items() if "normal" in name for _, k in c)
    task.prepare(RunContext())
    for name in ("random", "evolution", "tpe"):
        sampler = SAMPLERS[name](task.decisions(torch.Generator())[0], generator(1, name))
        trials = ask_within(task.limits, sampler, 6)
        assert all(allowed(task.limits, trial.choices) for trial in trials)
        assert len({trial.number for trial in trials}) == 6
    monkeypatch.setattr(sampler_limits, "PROPOSALS", 20)
    impossible = [replace(task.limits[0], fixed=1.0)]
    with pytest.raises(NaspError, match="20 proposals in a row exceed max_skips 0"):
        ask_within(impossible, SAMPLERS["random"](sampler.decisions, generator(1, "r")), 1)


def test_latencies_are_measured_once_for_a_run(tmp_path: Any) -> None:
    budget = Budget(latency=1e6, channels=2, layers=3, size=8)
    first, second = (task_of(budget=budget) for _ in range(2))
    first.prepare(RunContext(Checkpoint(tmp_path)))
    second.prepare(RunContext(Checkpoint(tmp_path, resume=True)))
    assert first.limits == second.limits
    checkpoint = Checkpoint(tmp_path, resume=True)
    checkpoint.put("latency", {"milliseconds": [1.0, "slow"]}, now=True)
    with pytest.raises(NaspError, match=r"latency.*milliseconds"):
        task_of(budget=budget).prepare(RunContext(Checkpoint(tmp_path, resume=True)))
    (limit,) = first.limits
    costs = [cost for pairs in limit.cost.values() for cost in pairs.values()]
    assert all(0 < cost < 1e4 for cost in costs)
    small, large = (
        milliseconds(torch.nn.Conv2d(n, n, 3), (n, 32, 32), torch.device("cpu")) for n in (1, 96)
    )
    assert small < large


def test_a_budget_that_is_too_small_is_refused_before_the_search() -> None:
    task = task_of(budget=Budget(parameters=1000.0))
    with pytest.raises(NaspError, match=r"budget.parameters is 1000, but the smallest possible"):
        run_search(task, 1, RunContext())
