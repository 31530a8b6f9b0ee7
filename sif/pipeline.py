"""The main job: propose interaction functions, train the best of them alone, settle on one."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial

import torch

from nasp.core.genotype import Genotype
from nasp.core.relaxation import Relaxation
from nasp.errors import Diverged, NaspError
from nasp.metric import Metrics
from nasp.runs.context import Log, Run
from nasp.samplers import SAMPLERS, Proposal
from nasp.search.one_shot import run_trials, search
from nasp.strategies import ONE_SHOT, StrategyOptions
from nasp.training.loop import one_of_several
from nasp.training.optimization import WeightStep
from nasp.training.seeding import generator
from sif.data.evaluation import errors, predict
from sif.data.search_data import Data
from sif.fit import adagrad, train_alone
from sif.nn.operations import OPERATIONS
from sif.nn.space import DECISION, SOURCE, InteractionSpace
from sif.options import SearchOptions, TrainOptions
from sif.recommender import InteractionModel

START = (0.5, 1e-3)  # of the weights `A`, mean and standard deviation, as SIF has it
FEW = 10  # weights of functions that are tracked as curves


@dataclass(frozen=True)
class Candidate:
    """A function trained alone.

    Attributes:
        origin: The search or trial that it comes from.
        genotype: Its operation and MLPs.
        frozen: Whether the MLPs were kept as they were found.
        network: Its network, with the weights of the best epoch.
        history: Metrics of each epoch.
        valid_rmse: The best epoch's, in rating units.
    """

    origin: str
    genotype: Genotype
    frozen: bool
    network: InteractionSpace
    history: list[Metrics]
    valid_rmse: float

    @property
    def operation(self) -> str:
        """Name of the operation."""
        return self.genotype.choices[DECISION][0][1]

    @property
    def name(self) -> str:
        """How it is called in tables and pictures."""
        return _name(self.origin, self.genotype, self.frozen)


@dataclass(frozen=True)
class Found:
    """What the main job found.

    Attributes:
        model: The winner.
        candidates: All functions trained alone, best first by validation.
        searches: Metrics by epoch of each restart, the one that found the winner first; empty for
            a sampler.
    """

    model: InteractionModel
    candidates: list[Candidate]
    searches: list[list[Metrics]]


def find(
    data: Data,
    options: SearchOptions,
    seed: int,
    run: Run,
    functions: tuple[str, ...] | None = None,
) -> Found:
    """Search, train what was found alone, and choose by validation.

    Args:
        data: Training and validation ratings.
        options: How to search and train.
        seed: Fixes everything that is drawn at random.
        run: Checkpoint, progress and log.
        functions: The candidates, names in `sif.nn.operations.functions(N)`; all if None.

    Raises:
        NaspError: All searches or all trainings diverged. Where some did, `run.failed` says why.
    """
    if options.strategy in SAMPLERS:
        return _by_trials(data, options, seed, run, functions)
    searches = {}
    for restart in range(options.restarts):
        with suppress(Diverged), one_of_several(_search_phase(restart, options), run):
            name = f"search {restart + 1}"
            searches[name] = search_from(restart, data, options, seed, run, functions)
    if not searches:
        raise _all_failed("searches", run)
    ranked = sorted(searches, key=lambda name: searches[name][1])
    finalists = {name: searches[name][0] for name in ranked[: options.finalists]}
    found = settle(finalists, data, options, options.train_epochs, seed, run)
    winner = found.candidates[0].origin
    ranked.sort(key=lambda name: name != winner)
    return replace(found, searches=[searches[name][2] for name in ranked])


def settle(
    genotypes: Mapping[str, Genotype],
    data: Data,
    options: TrainOptions,
    epochs: int,
    seed: int,
    run: Run,
) -> Found:
    """Train genotypes alone, each with its MLPs frozen and trained on; validation chooses.

    Args:
        genotypes: By where they come from.
        data: Training and validation ratings.
        options: How to train.
        epochs: Epochs at most of each training.
        seed: Fixes everything that is drawn at random.
        run: Checkpoint, progress and log.

    Raises:
        NaspError: All trainings diverged.
    """
    both = [
        _both_ways(origin, genotype, data, options, epochs, seed, run)
        for origin, genotype in genotypes.items()
    ]
    candidates = [candidate for ways in both for candidate in ways]
    if not candidates:
        raise _all_failed("trainings", run)
    return _choose(candidates, data, options)


def _all_failed(what: str, run: Run) -> NaspError:
    name, reason = next(iter(run.failed.items()))
    return NaspError(f"all {what} failed; the first: {name}: {reason}")


def _choose(candidates: list[Candidate], data: Data, options: TrainOptions) -> Found:
    ranked = sorted(candidates, key=lambda candidate: candidate.valid_rmse)
    best = ranked[0]
    names = [field.name for field in fields(SearchOptions) if hasattr(options, field.name)]
    model = InteractionModel(
        best.genotype,
        best.network,
        data.encoder,
        data.scale,
        data.biases.cpu(),
        data.rated,
        {name: getattr(options, name) for name in names},
        best.valid_rmse,
    )
    return Found(model, ranked, [])


def search_from(
    restart: int,
    data: Data,
    options: SearchOptions,
    seed: int,
    run: Run,
    functions: tuple[str, ...] | None = None,
) -> tuple[Genotype, float, list[Metrics]]:
    """One search: the genotype of its best epoch, that epoch's validation RMSE, and the history.

    Restarts begin at different simple operations. The MLPs and embeddings of one-path search grow
    around the path that runs, and where they begin decides much of what a single search finds.
    """
    random = generator(seed, "search", restart)
    space = InteractionSpace(data.encoder.sizes, options, random, functions)
    space.to(data.train.ratings.device)
    optimizer = adagrad([{"params": space.weights()}], options)
    strategy = ONE_SHOT[options.strategy](
        space,
        random,
        StrategyOptions(
            learning_rate=options.architecture_learning_rate,
            start=START,
            eta=options.eta,
            weight_step=WeightStep(optimizer, options.gradient_clip),
        ),
    )
    (decision,) = space.decisions
    simple = decision.operations[: len(OPERATIONS)]  # those of one operation come first
    order = torch.randperm(len(simple), generator=generator(seed, "order")).tolist()
    first = simple[order[restart % len(order)]]
    strategy.begin_at({DECISION: ((SOURCE, first),)})
    steps = -(-len(data.train.ratings) // options.batch_size)

    def evaluate(relaxation: Relaxation) -> Metrics:
        predictions = predict(partial(space.rate, relaxation=relaxation), data.valid.rows)
        return {"valid/rmse": errors(predictions, data.valid, data.scale)["rmse"]}

    outcome = search(
        _search_phase(restart, options),
        strategy,
        optimizer,
        lambda: zip(
            data.train.batches(options.batch_size, random),
            data.valid.batches(options.batch_size, random, steps),
            strict=True,
        ),
        evaluate,
        epochs=options.epochs,
        monitor="valid/rmse",
        generator=random,
        run=replace(run, log=_few_weights(run.part(f"search {restart + 1}"))),
        warm_up=options.warm_up,
        gradient_clip=options.gradient_clip,
    )
    best = outcome.history[outcome.best_epoch]["valid/rmse"]
    return Genotype.from_json(outcome.best), best, outcome.history


def _by_trials(
    data: Data, options: SearchOptions, seed: int, run: Run, functions: tuple[str, ...] | None
) -> Found:
    """Train what a sampler asks for; each trial has fresh MLPs, or offsets from the first ones."""
    random = generator(seed, "trials")
    template = InteractionSpace(data.encoder.sizes, options, random, functions)
    continuous = sum(p.numel() for p in template.architecture())
    sampler = SAMPLERS[options.strategy](template.decisions, random, continuous)

    def genotype(position: int, proposal: Proposal) -> Genotype:
        start = generator(seed, "mlps", 0 if proposal.offsets else position)
        space = InteractionSpace(data.encoder.sizes, options, start)
        if proposal.offsets:
            space.move(proposal.offsets)
        return space.genotype(proposal.choices)

    candidates: list[Candidate] = []

    def evaluate(position: int, proposal: Proposal) -> float:
        made, origin = genotype(position, proposal), f"trial {position + 1}"
        both = _both_ways(origin, made, data, options, options.train_epochs, seed, run)
        if not both:
            raise Diverged(f"{origin}: {run.failed[_phase(_name(origin, made, frozen=True))]}")
        candidates.extend(both)
        return min(candidate.valid_rmse for candidate in both)

    run_trials(sampler, evaluate, options.trials)
    return _choose(candidates, data, options)


def _both_ways(
    origin: str,
    genotype: Genotype,
    data: Data,
    options: TrainOptions,
    epochs: int,
    seed: int,
    run: Run,
) -> list[Candidate]:
    """Those of the two that do not diverge."""
    candidates = []
    for frozen in (True, False):
        name = _name(origin, genotype, frozen)
        with suppress(Diverged), one_of_several(_phase(name), run):
            network, outcome = train_alone(
                _phase(name),
                genotype,
                data,
                options,
                epochs=epochs,
                frozen=frozen,
                generator=generator(seed, name),
                run=replace(run, log=lambda metrics, step: None),
            )
            rmse = outcome.history[outcome.best_epoch]["valid/rmse"]
            candidates.append(Candidate(origin, genotype, frozen, network, outcome.history, rmse))
    return candidates


def _search_phase(restart: int, options: SearchOptions) -> str:
    return f"search {restart + 1} of {options.restarts}"


def _phase(candidate: str) -> str:
    return f"train {candidate}"


def _name(origin: str, genotype: Genotype, frozen: bool) -> str:
    operation = genotype.choices[DECISION][0][1]
    return f"{operation} of {origin}, MLPs {'frozen' if frozen else 'trained on'}"


def _few_weights(log: Log) -> Log:
    """Weights of functions are curves only where they are few: nobody compares runs by fifty."""

    def logged(metrics: Mapping[str, float], step: int) -> None:
        weights = {k: v for k, v in metrics.items() if k.startswith("arch/")}
        others = {k: v for k, v in metrics.items() if k not in weights}
        log(others | (weights if len(weights) <= FEW else {}), step)

    return logged
