"""What a device does with CNN cells in ten minutes: a table of speeds, then a real search.

Times are of whole steps after a warm-up, scaled to an epoch; the fraction of the peak is that of
the multiply-adds a step needs at least (three times the forward pass's) in what a large product of
matrices reaches on this device in the same precision.

    benchmarks/gpu.sh                  # or: python benchmarks/gpu.py --minutes 9
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from nasp import cnn_search
from nasp.cnn.data import CIFAR10, Augment, Labelled, find_images, load_cifar, training_batches
from nasp.cnn.network import Network, drop_path
from nasp.cnn.options import SearchOptions, TrainOptions
from nasp.cnn.size import mult_adds
from nasp.cnn.space import CNNSpace
from nasp.cnn.zoo import ZOO
from nasp.core.environment import describe, resolve_device
from nasp.core.search import _loss
from nasp.core.step import descend
from nasp.strategies import ONE_SHOT, StrategyOptions

HALF, WHOLE = 25_000, 50_000  # CIFAR-10's training images in a search and in a training


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(step: Callable[[], None], device: torch.device, warm: int, steps: int) -> float:
    """Mean time of a step."""
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
    """Multiply-adds a second of a product of square matrices."""
    dtype = torch.bfloat16 if half else torch.float32
    a = torch.randn(size, size, device=device, dtype=dtype)
    return size**3 / seconds(lambda: torch.mm(a, a), device, 3, 10)


def endless(images: Labelled, batch: int, generator: torch.Generator):
    augment = Augment(CIFAR10)
    while True:
        yield from training_batches(images, batch, generator, augment, drop_last=True)


def search_step(
    space_name: str, strategy: str, images: Labelled, options: SearchOptions, device: torch.device
) -> Callable[[], None]:
    generator = torch.Generator().manual_seed(1)
    space = CNNSpace(
        space_name,
        10,
        options.channels,
        options.layers,
        generator,
        precision=options.numbers(device),
    ).to(device)
    chosen = ONE_SHOT[strategy](space, generator, StrategyOptions())
    optimizer = options.sgd(space.weights())
    batches = endless(images, options.batch_size, generator)

    def step() -> None:
        train, valid = next(batches), next(batches)
        chosen.architecture_step(partial(_loss, space, train), partial(_loss, space, valid))
        loss = space(train, chosen.weight_relaxation())
        descend(loss, space.weights(), optimizer, options.gradient_clip)

    return step


def training_step(
    images: Labelled, options: TrainOptions, device: torch.device
) -> tuple[Callable[[], None], int]:
    """The step, and the multiply-adds of an image."""
    generator = torch.Generator().manual_seed(1)
    network = Network(ZOO["nasp"], options.channels, options.layers, 10, "cifar", True, generator)
    network.to(device).train()
    precision = options.numbers(device)
    precision.prepare(network)
    weights, optimizer = list(network.parameters()), options.sgd(list(network.parameters()))
    forward = torch.compile(network) if options.compile else network
    batches = endless(images, options.batch_size, generator)

    def step() -> None:
        x, labels = next(batches)
        keep = drop_path(network, len(x), 0.1, generator)
        with precision.autocast(device):
            logits, extra = forward(precision.layout(x), keep)
        entropy = torch.nn.functional.cross_entropy
        loss = entropy(logits.float(), labels) + 0.4 * entropy(extra.float(), labels)
        descend(loss, weights, optimizer, options.gradient_clip)

    return step, mult_adds(network, (3, 32, 32))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--minutes", type=float, default=9.0, help="for everything")
    parser.add_argument("--steps", type=int, default=50, help="timed, of each row")
    parser.add_argument("--warm", type=int, default=10, help="steps before them")
    parser.add_argument("--channels", type=int, help="of all networks; the papers' if not given")
    parser.add_argument("--layers", type=int, help="of all networks; the papers' if not given")
    parser.add_argument("--images", type=int, help="of the real search; all if not given")
    parser.add_argument("--epochs", type=int, default=50, help="of the real search, if they fit")
    parser.add_argument("--compile", action="store_true", help="a row with torch.compile")
    parser.add_argument("--output", type=Path, default=Path("runs/gpu"))
    given = parser.parse_args(argv)
    began = time.perf_counter()
    device = resolve_device(given.device)
    place = describe(device)
    images = load_cifar(find_images("cifar10")).train.to(device)
    sizes = {k: getattr(given, k) for k in ("channels", "layers") if getattr(given, k)}
    search = SearchOptions(**sizes)
    half = search.numbers(device).half
    top = peak(device, half, 8192 if device.type == "cuda" else 512)
    kind = "bf16" if half else "float32"
    print(
        f"{place['device']}, torch {place['versions']['torch']}, {kind}, commit {place['commit']}"
    )
    print(f"a large product reaches {top / 1e12:.2f} T multiply-adds a second")
    print("| what | batch | s a step | s an epoch | images a second | peak MB | of the peak |")
    print("|---|---|---|---|---|---|---|")

    def row(what: str, step: Callable[[], None], batch: int, count: int, adds: float) -> float:
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        mean = seconds(step, device, given.warm, given.steps)
        share = f"{3 * adds * batch / mean / top:.1%}" if adds else ""
        print(
            f"| {what} | {batch} | {mean:.4f} | {mean * (count // batch):.1f} "
            f"| {batch / mean:.0f} | {memory_mb(device):.0f} | {share} |",
            flush=True,
        )
        return mean * (count // batch)

    epoch = 0.0
    for what, space, strategy in (
        ("search epoch, NASP, 12 operations", "nasp", "nasp"),
        ("search epoch, NASP, 7 operations", "darts", "nasp"),
        ("search epoch, DARTS first order, 7 operations", "darts", "darts"),
    ):
        step = search_step(space, strategy, images, search, device)
        taken = row(what, step, search.batch_size, HALF, 0)
        epoch = epoch or taken
        del step
    for batch in (96, 256):
        for compiled in (False, True)[: 1 + given.compile]:
            step, adds = training_step(
                images, TrainOptions(batch_size=batch, compile=compiled, **sizes), device
            )
            what = "training epoch, NASP's cell, 20 cells, 36 channels"
            row(what + (", compiled" if compiled else ""), step, batch, WHOLE, adds)
            del step
    left = 60 * given.minutes - (time.perf_counter() - began)
    share = 1.0 if given.images is None else given.images / WHOLE
    fitting = int(left / (1.3 * epoch * share))  # each epoch also judges the other half
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
