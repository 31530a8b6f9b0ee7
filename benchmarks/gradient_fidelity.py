"""How well the one-path gradient predicts what a swap of a candidate does to the loss.

A swap replaces one kept candidate c of a decision by an idle one k. To first order the loss changes
by `g_k − g_c`, with the gradient g at the discrete point. During a search the loss of every single
swap is computed on one validation batch, without and with this prediction. Printed are:

- `g_k − g_c`, `g_k`: Spearman's rank correlation of the prediction, and of the idle candidate's
  gradient alone, with the true change;
- `predicted`, `true`: the standard deviation of the predicted and of the true changes;
- `best`: the true change by the swap that is predicted to be best, and by the truly best one;
- `churn`: the changes of the path for each decision and architecture step;
- `at 1`: the candidates of each decision whose weight in `A` is at the bound 1;
- `loss`: the path's validation loss at the end, over all validation batches of an epoch.

    OMP_NUM_THREADS=1 python benchmarks/gradient_fidelity.py --spaces rnn cnn sif
"""

import argparse
import itertools
import json
import statistics
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import torch
from rating_searches import ALONE
from scipy.stats import spearmanr
from search_steps import Steps
from searched_cells import image_search

from nasp.cnn.data import find_images, load_cifar, random_subset
from nasp.cnn.options import SearchOptions as ImageOptions
from nasp.core.limit import swaps
from nasp.core.relaxation import Relaxation
from nasp.rnn.data import Corpus, Vocabulary, find_text, load_corpus
from nasp.rnn.options import SearchOptions as TextOptions
from nasp.rnn.tasks import TextTask
from nasp.search import Task
from nasp.training.seeding import generator
from sif.data import load_ratings, split_ratings
from sif.data.search_data import SearchData
from sif.options import SearchOptions as RatingOptions
from sif.tasks.rating import RatingTask


def image_task(strategy: Mapping[str, Any], seed: int, changed: Mapping[str, Any]) -> Task:
    """Return a small search on CIFAR-10."""
    options = replace(ImageOptions(channels=8, layers=3, strategy=strategy), **changed)
    images = load_cifar(find_images("cifar10"))
    seen = random_subset(images.train, 4096, generator(seed, "search images"))
    return image_search(seen, images.classes, options, seed)


def text_task(strategy: Mapping[str, Any], seed: int, changed: Mapping[str, Any]) -> Task:
    """Return a small search on Penn Treebank, cut to its 500 most frequent words."""
    options = TextOptions(
        emsize=100,
        nhid=100,
        batch_size=32,
        tokens=80_000,
        strategy=strategy,
        dropout=0.3,
        dropouth=0.1,
        dropoutx=0.3,
        dropouti=0.1,
    )
    corpus = load_corpus(find_text("ptb"))
    texts = [corpus.train, corpus.valid[:20_000], corpus.test]
    words = torch.bincount(corpus.train).argsort(descending=True, stable=True)[:500]
    number = torch.full((len(corpus.vocabulary),), len(words))
    number[words] = torch.arange(len(words))
    small = [text[text < len(number)] for text in map(number.__getitem__, texts)]
    vocabulary = Vocabulary((*(corpus.vocabulary.words[w] for w in words), "<rare>"))
    cut = Corpus(vocabulary, *small, sha256="")
    return TextTask(cut, replace(options, **changed), torch.device("cpu"))


def rating_task(strategy: Mapping[str, Any], seed: int, changed: Mapping[str, Any]) -> Task:
    """Return a search on MovieLens 100K."""
    splits = split_ratings(load_ratings("movielens"), seed=seed)
    options = replace(RatingOptions(strategy=strategy, **ALONE), **changed)
    return RatingTask(SearchData.from_splits(splits.train, splits.valid), options)


TASKS: Mapping[str, Callable[..., Task]] = {
    "rnn": text_task,
    "cnn": image_task,
    "sif": rating_task,
}


def fidelity(steps: Steps, batch: Any) -> dict[str, float]:
    """Compare predicted and true changes of a batch's loss by all single swaps."""
    kept, loss = steps.strategy.projection(), steps.loss(batch)
    point = Relaxation.one_path(kept).probed()
    value = loss(point)
    gradients = torch.autograd.grad(value, list(point.weights.values()))
    g = {name: x.double() for name, x in zip(point.weights, gradients, strict=True)}
    rows = []
    with torch.no_grad():
        before = float(loss(Relaxation.one_path(kept)))
        for decision in steps.space.decisions:
            name = decision.name
            for old, new in swaps(decision, kept[name]):
                swapped = kept[name].clone()
                swapped[old], swapped[new] = 0.0, 1.0
                after = float(loss(Relaxation.one_path({**kept, name: swapped})))
                alone = float(g[name][new])
                rows.append((alone - float(g[name][old]), alone, after - before))
    predicted, own, true = zip(*rows, strict=True)
    best = min(range(len(rows)), key=predicted.__getitem__)
    return {
        "g_k − g_c": spearmanr(predicted, true).statistic,
        "g_k": spearmanr(own, true).statistic,
        "predicted": statistics.pstdev(predicted),
        "true": statistics.pstdev(true),
        "best": true[best],
        "truly best": min(true),
    }


def measure(job: tuple[str, str, int, argparse.Namespace]) -> dict[str, float]:
    """Search, and measure at equal intervals; return the means."""
    space, strategy, seed, given = job
    torch.set_num_threads(1)
    chosen = json.loads(strategy)
    task = TASKS[space](chosen.pop("strategy"), seed, chosen)
    steps = Steps(task, seed=seed)
    steps.space.train()
    names = [d.name for d in steps.space.decisions]
    random = generator(seed, "batches")
    pairs = itertools.chain.from_iterable(task.batch_pairs(random) for _ in itertools.count())
    rows, changes = [], 0
    before = steps.strategy.projection()
    for step, (train, valid) in enumerate(itertools.islice(pairs, given.steps), 1):
        if step > given.warm_up:
            steps.architecture(train, valid)
        after = steps.strategy.projection()
        changes += sum(bool((before[n] != after[n]).any()) for n in names)
        before = after
        steps.weights(train)
        if step % (given.steps // given.points) == 0:
            saved = {k: v.clone() for k, v in steps.space.state_dict().items()}
            rows.append(fidelity(steps, valid))
            steps.space.load_state_dict(saved)  # the running statistics of batch norms
    with torch.no_grad():
        path = Relaxation.one_path(steps.strategy.projection())
        losses = [float(steps.loss(v)(path)) for _, v in task.batch_pairs(random)]
    scores = steps.strategy.scores().values()
    return {
        **{key: statistics.mean(row[key] for row in rows) for key in rows[0]},
        "churn": changes / len(names) / (given.steps - given.warm_up),
        "at 1": sum(int((a >= 1).sum()) for a in scores) / len(names),
        "loss": statistics.mean(losses),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spaces", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--warm_up", type=int, default=0)
    parser.add_argument("--points", type=int, default=3, help="measurements during a search")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--options",
        nargs="+",
        default=['{"strategy": {"name": "nasp", "learning_rate": 3e-3}}'],
        help="options of each search to compare, as JSON",
    )
    given = parser.parse_args()
    jobs = [
        (s, o, seed, given) for s in given.spaces for o in given.options for seed in given.seeds
    ]
    with ProcessPoolExecutor(given.jobs) as pool:
        for position, (job, row) in enumerate(zip(jobs, pool.map(measure, jobs), strict=True)):
            if not position:
                print("| space | options | seed |" + "|".join(f" {key} " for key in row) + "|")
                print("|---|---|---|" + "---|" * len(row))
            numbers = "|".join(f" {value:.3f} " for value in row.values())
            print(f"| {job[0]} | `{job[1]}` | {job[2]} |{numbers}|", flush=True)


if __name__ == "__main__":
    main()
