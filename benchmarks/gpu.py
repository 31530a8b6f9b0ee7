"""Speed of searches and trainings on a device, and a CNN search, in ten minutes.

Times are those of whole steps after a warm-up, scaled to an epoch. The fraction of the peak is the
ratio of the necessary multiply-adds of a step (three times those of the forward pass) to those of a
large matrix product on this device in the same time and precision. A recurrent model needs one
multiply-add for each weight and word, because embedding and decoder share their matrix.

    benchmarks/gpu.sh                  # or: python benchmarks/gpu.py --minutes 9
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from search_steps import Steps

from nasp import cnn_search
from nasp.cnn.data import ImageSet, find_images, load_cifar
from nasp.cnn.images import ImagesInMemory
from nasp.cnn.network import drop_path
from nasp.cnn.options import SearchOptions, TrainOptions
from nasp.cnn.size import mult_adds
from nasp.cnn.tasks import ImageTask
from nasp.cnn.zoo import ZOO as CNN_ZOO
from nasp.rnn.data import TextBatch, batches, find_text, load_corpus
from nasp.rnn.dropout import Masks, draw_masks
from nasp.rnn.options import DescentOptions as TextOptions
from nasp.rnn.options import SearchOptions as TextSearch
from nasp.rnn.options import TrainOptions as TextTraining
from nasp.rnn.tasks import TextTask
from nasp.rnn.zoo import ZOO as RNN_ZOO
from nasp.runs.environment import describe
from nasp.training.device import resolve_device
from nasp.training.optimization import descend

Step = Callable[[], object]
HALF, WHOLE = 25_000, 50_000  # CIFAR-10's training images in a search and in a training


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(step: Step, device: torch.device, warm: int, steps: int) -> float:
    """Return the mean time of a step."""
    for _ in range(warm):
        step()
    wait(device)
    start = time.perf_counter()
    for _ in range(steps):
        step()
    wait(device)
    return (time.perf_counter() - start) / steps


def memory_mb(device: torch.device) -> float:
    return torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else float("nan")


def peak(device: torch.device, half: bool, size: int) -> float:
    """Return the multiply-adds per second of a product of square matrices."""
    dtype = torch.bfloat16 if half else torch.float32
    a = torch.randn(size, size, device=device, dtype=dtype)
    return size**3 / seconds(lambda: torch.mm(a, a), device, 3, 10)


def image_task(images: ImageSet, options: SearchOptions | TrainOptions) -> ImageTask:
    data = ImagesInMemory(images.train, None, None, images.classes, options.batch_size, cutout=0)
    return ImageTask(data, options)


def endless(task: ImageTask, generator: torch.Generator) -> Iterator[Any]:
    """Yield training batches without end."""
    while True:
        yield from task.images.train(0, generator)


def search_step(images: ImageSet, options: SearchOptions) -> Step:
    task = image_task(images, options)
    steps = Steps(task)
    batches = endless(task, steps.generator)
    return lambda: steps.iteration(next(batches), next(batches))


def training_step(images: ImageSet, options: TrainOptions) -> tuple[Step, int]:
    """Return the step, and the multiply-adds of an image."""
    generator = torch.Generator().manual_seed(1)
    task = image_task(images, options)
    device = task.device
    network = task.network(CNN_ZOO["nasp"], generator).train()
    precision = options.numbers(device)
    precision.prepare(network)
    weights, optimizer = list(network.parameters()), options.sgd(list(network.parameters()))
    forward = torch.compile(network) if options.compile else network
    batches = endless(task, generator)

    def step() -> None:
        x, labels = next(batches)
        keep = drop_path(network, len(x), 0.1, generator)
        with precision.autocast(device):
            logits, extra = forward(precision.layout(x), keep)
        entropy = torch.nn.functional.cross_entropy
        loss = entropy(logits.float(), labels) + 0.4 * entropy(extra.float(), labels)
        descend(loss, weights, optimizer, options.gradient_clip)

    return step, mult_adds(network, (3, 32, 32))


def pieces(
    task: TextTask, text: torch.Tensor, generator: torch.Generator, regularised: bool
) -> Iterator[TextBatch]:
    """Yield batches of a text without end."""
    options, words = task.options, len(task.corpus.vocabulary)

    def draw(width: int) -> Masks:
        return draw_masks(options.rates(), words, options.nhid, width, generator, text.device)

    while True:
        for batch in batches(text, options.nhid, lambda: options.bptt, draw, regularised):
            if len(batch.inputs) == options.bptt:
                yield batch


def shape(options: TextOptions) -> tuple[str, int]:
    """Return the shape of a batch of text, and its number of words."""
    return f"{options.batch_size} × {options.bptt}", options.batch_size * options.bptt


def text_search_step(task: TextTask) -> Step:
    steps = Steps(task)
    trains = pieces(task, task.train_text, steps.generator, True)
    valids = pieces(task, task.valid_text, steps.generator, False)
    return lambda: steps.iteration(next(trains), next(valids))


def text_training_step(task: TextTask) -> tuple[Step, int]:
    """Return the step, and the multiply-adds of a word."""
    generator, options = torch.Generator().manual_seed(1), task.training
    network = task.network(RNN_ZOO["darts_v2"], generator)
    if options.compile:
        network.cell.compile_step()
    weights, read = list(network.parameters()), pieces(task, task.train_text, generator, True)
    optimizer = options.sgd(weights)

    def step() -> None:
        batch = next(read)
        descend(task.loss(network(batch), batch), weights, optimizer, options.gradient_clip)

    return step, sum(weight.numel() for weight in weights)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--minutes", type=float, default=9.0, help="for everything")
    parser.add_argument("--steps", type=int, default=50, help="timed, of each row")
    parser.add_argument("--warm", type=int, default=10, help="steps before them")
    parser.add_argument("--channels", type=int, help="of all networks; the papers' if not given")
    parser.add_argument("--layers", type=int, help="of all networks; the papers' if not given")
    parser.add_argument("--units", type=int, help="of recurrent cells; the papers' if not given")
    parser.add_argument("--images", type=int, help="of the real search; all if not given")
    parser.add_argument("--epochs", type=int, default=50, help="of the real search, if they fit")
    parser.add_argument("--compile", action="store_true", help="a row with torch.compile")
    parser.add_argument("--output", type=Path, default=Path("runs/gpu"))
    given = parser.parse_args(argv)
    began = time.perf_counter()
    device = resolve_device(given.device)
    place = describe(device)
    images = load_cifar(find_images("cifar10"))
    images = replace(images, train=images.train[torch.arange(len(images.train))].to(device))
    corpus = load_corpus(find_text("ptb"))
    sizes = {k: getattr(given, k) for k in ("channels", "layers") if getattr(given, k)}
    units = {"emsize": given.units, "nhid": given.units} if given.units else {}
    search = SearchOptions(**sizes)
    half = search.numbers(device).half
    large = 8192 if device.type == "cuda" else 512
    top, top_float = peak(device, half, large), peak(device, False, large)
    kind = "bf16" if half else "float32"
    print(
        f"{place['device']}, torch {place['versions']['torch']}, commit {place['commit']}; "
        f"images in {kind}, text in float32"
    )
    print(
        f"a large product reaches {top / 1e12:.2f} T multiply-adds a second in {kind}, "
        f"{top_float / 1e12:.2f} T in float32"
    )
    print("| what | batch | s a step | s an epoch | images or words a second | MB | of the peak |")
    print("|---|---|---|---|---|---|---|")

    def row(what: str, step: Step, batch: str, read: int, count: int, share: float) -> float:
        """Print the speed of a step that reads `read` of an epoch's `count` images or words.

        `share` is the time of the multiply-adds of one image or word at the peak.
        """
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        mean = seconds(step, device, given.warm, given.steps)
        used = f"{3 * share * read / mean:.1%}" if share else ""
        print(
            f"| {what} | {batch} | {mean:.4f} | {mean * (count // read):.1f} "
            f"| {read / mean:.0f} | {memory_mb(device):.0f} | {used} |",
            flush=True,
        )
        return mean * (count // read)

    epoch = 0.0
    for what, space, strategy in (
        ("CNN search epoch, NASP, 12 operations", "nasp", "nasp"),
        ("CNN search epoch, NASP, 7 operations", "darts", "nasp"),
        ("CNN search epoch, DARTS first order, 7 operations", "darts", "darts"),
    ):
        step = search_step(images, replace(search, space=space, strategy=strategy))
        taken = row(what, step, f"{search.batch_size}", search.batch_size, HALF, 0)
        epoch = epoch or taken
        del step
    compiling = (False, True)[: 1 + given.compile]
    for batch in (96, 256):
        for compiled in compiling:
            step, adds = training_step(
                images, TrainOptions(batch_size=batch, compile=compiled, **sizes)
            )
            what = "CNN training epoch, NASP's cell, 20 cells, 36 channels"
            what += ", compiled" if compiled else ""
            row(what, step, f"{batch}", batch, WHOLE, adds / top)
            del step
    for what, strategy in (("NASP", "nasp"), ("DARTS first order", "darts")):
        searching = TextSearch(strategy=strategy, **units)
        step = text_search_step(TextTask(corpus, searching, device))
        row(f"RNN search epoch, {what}", step, *shape(searching), len(corpus.train), 0)
        del step
    for compiled in compiling:
        training = TextTraining(compile=compiled, **units)
        step, adds = text_training_step(TextTask(corpus, training, device))
        what = f"RNN training epoch, DARTS v2, {training.nhid} units"
        what += ", compiled" if compiled else ""
        row(what, step, *shape(training), len(corpus.train), adds / top_float)
        del step
    left = 60 * given.minutes - (time.perf_counter() - began)
    share = 1.0 if given.images is None else given.images / WHOLE
    fitting = int(left / (1.3 * epoch * share))  # each epoch also evaluates the other half
    epochs = min(given.epochs, fitting)
    if epochs < 1:
        print(f"no time for a search: an epoch takes {epoch:.0f} s")
        return
    print(f"\na search of {epochs} epochs, NASP's 12 operations")
    command = ["--epochs", str(epochs), "--output", str(given.output), "--tracking", "none"]
    command += ["--device", given.device]
    for name, value in {**sizes, "images": given.images}.items():
        command += [f"--{name}", str(value)] if value else []
    cnn_search.main(command)


if __name__ == "__main__":
    main()
