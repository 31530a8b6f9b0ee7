"""Size of the found cell against η, the weight of the complexity regulariser (NASP, section 5.3).

Short searches on real CIFAR-10 images that differ in η alone.

    python benchmarks/cnn_eta.py --output runs/eta
"""

import argparse
import json
from pathlib import Path

import torch

from nasp.cnn import report
from nasp.cnn.data import find_images, load_cifar, subset
from nasp.cnn.options import SearchOptions
from nasp.cnn.pipeline import find
from nasp.core import plots
from nasp.core.checkpoint import Checkpoint
from nasp.core.environment import describe
from nasp.core.files import write_text
from nasp.core.loop import Run
from nasp.core.progress import Progress
from nasp.core.seeding import generator


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--etas", type=float, nargs="+", default=[0.0, 0.1, 0.3, 1.0, 3.0, 10.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--architecture_learning_rate", type=float, default=3e-3)
    parser.add_argument("--output", type=Path, default=Path("runs/cnn_eta"))
    given = parser.parse_args(argv)
    given.output.mkdir(parents=True, exist_ok=True)
    images = load_cifar(find_images("cifar10"))
    options = {k: v for k, v in vars(given).items() if k not in ("output", "etas", "seeds")}
    checkpoint = Checkpoint(given.output / "checkpoint.pt", options, resume=True)
    sizes: dict[int, list[float]] = {}
    lines = [
        "| η | seed | weights at 20 cells, 36 channels, M | validation accuracy |",
        "|---|---|---|---|",
    ]
    for seed in given.seeds:
        seen = subset(images.train, given.images, generator(seed, "images"))
        for eta in given.etas:
            key = f"eta {eta} seed {seed}"
            if (known := checkpoint.get(key)) is None:
                search = SearchOptions(
                    channels=given.channels,
                    layers=given.layers,
                    epochs=given.epochs,
                    eta=eta,
                    architecture_learning_rate=given.architecture_learning_rate,
                )
                found = find(
                    seen, images.classes, search, seed, Run(progress=Progress(quiet=False))
                )
                known = {
                    "size": report.published_size(found.genotype) / 1e6,
                    "accuracy": found.metrics["valid/accuracy"],
                }
                checkpoint.put(key, known, now=True)
            sizes.setdefault(seed, []).append(known["size"])
            lines.append(f"| {eta:g} | {seed} | {known['size']:.3f} | {known['accuracy']:.4f} |")
    place = describe(torch.device("cpu"))
    head = [f"{place['device']}; commit {place['commit']}.", f"Options: {json.dumps(options)}.", ""]
    text = "\n".join([*head, *lines]) + "\n"
    write_text(given.output / "eta.md", text)
    print(text)
    figure = plots.new_figure(5.5, 4)
    axes = figure.subplots()
    for position, (seed, row) in enumerate(sizes.items()):
        axes.plot(given.etas, row, marker="o", label=f"seed {seed}", **plots.style(position))
    axes.set_xscale("symlog", linthresh=min(eta for eta in given.etas if eta))
    axes.set_xlabel("weight η of the complexity regulariser")
    axes.set_ylabel("weights at 20 cells, 36 channels (M)")
    axes.grid(color="0.9")
    axes.legend(frameon=False)
    plots.save(figure, given.output / "eta.png")


if __name__ == "__main__":
    main()
