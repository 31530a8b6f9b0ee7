r"""The found cell by one option of the search: η, or the share of probed operations.

The short searches on CIFAR-10 differ only in this option. NASP's section 5.3 shows the size by η.
The column `same` counts how many of the 16 choices are equal to those for the first value.

    python benchmarks/cnn_sweep.py --output runs/eta
    python benchmarks/cnn_sweep.py --output runs/eta_proximal \
        --strategy '{"learning_rate": 0.003, "regularizer": "proximal"}'
    python benchmarks/cnn_sweep.py --option probe_fraction --values 1 0.5 0.2 --output runs/probe
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from searched_cells import heading, image_search, resumed

from nasp.atomic_io import write_text
from nasp.cnn import report
from nasp.cnn.data import find_images, load_cifar, random_subset
from nasp.cnn.options import SearchOptions
from nasp.core.genotype import Genotype
from nasp.runs import plots
from nasp.runs.context import RunContext
from nasp.runs.progress import Progress
from nasp.search import run_search
from nasp.training.seeding import generator

LABELS = {
    "eta": "weight η of the complexity regulariser",
    "probe_fraction": "share probed in a step",
}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--option", choices=LABELS, default="eta")
    parser.add_argument("--values", type=float, nargs="+", default=[0.0, 0.1, 0.3, 1.0, 3.0, 10.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument(
        "--strategy", default='{"learning_rate": 0.003}', help="further options of NASP, as JSON"
    )
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args(argv)
    images = load_cifar(find_images("cifar10"))
    options = {k: v for k, v in vars(given).items() if k not in ("output", "values", "seeds")}
    # A stopped sweep continues, and refuses other options.
    checkpoint = resumed(given.output, "sweep", options).checkpoint
    rows: dict[int, list[dict[str, Any]]] = {seed: [] for seed in given.seeds}
    for seed in given.seeds:
        seen = random_subset(images.train, given.images, generator(seed, "images"))
        for value in given.values:
            key = f"{given.option} {value} seed {seed}"
            if (row := checkpoint.get(key)) is None:
                search = SearchOptions(
                    channels=given.channels,
                    layers=given.layers,
                    epochs=given.epochs,
                    strategy={"name": "nasp", **json.loads(given.strategy), given.option: value},
                )
                run, start = RunContext(progress=Progress(quiet=False)), time.perf_counter()
                found = run_search(image_search(seen, images.classes, search, seed), seed, run)
                row = {
                    "value": value,
                    "seconds": time.perf_counter() - start,
                    "size": report.published_size(found.genotype) / 1e6,
                    "accuracy": found.metrics["valid/accuracy"],
                    "genotype": found.genotype.to_json(),
                }
                checkpoint.put(key, row, now=True)
            rows[seed].append(row)
    lines = [
        *heading(options, f"{torch.get_num_threads()} threads"),
        "",
        f"| {given.option} | seed | weights at 20 cells, 36 channels, M | validation accuracy "
        "| same | s |",
        "|---|---|---|---|---|---|",
    ]
    for seed in given.seeds:
        lines += [
            f"| {row['value']:g} | {seed} | {row['size']:.3f} | {row['accuracy']:.4f} "
            f"| {same(row, rows[seed][0])} | {row['seconds']:.0f} |"
            for row in rows[seed]
        ]
    text = "\n".join(lines) + "\n"
    write_text(given.output / "sweep.md", text)
    print(text)
    draw(given.option, rows, given.output / "sweep.png")


def same(row: dict[str, Any], first: dict[str, Any]) -> int:
    """Count the choices that two cells have in common."""
    ours, theirs = (Genotype.from_json(r["genotype"]).choices for r in (row, first))
    return sum(len(set(pairs) & set(theirs[node])) for node, pairs in ours.items())


def draw(option: str, rows: dict[int, list[dict[str, Any]]], path: Path) -> None:
    figure = plots.new_figure(9, 4)
    labels = {
        "size": "weights at 20 cells, 36 channels (M)",
        "accuracy": "validation accuracy, shared weights",
    }
    panels = figure.subplots(1, 2)
    for axes, (metric, label) in zip(panels, labels.items(), strict=True):
        for position, (seed, row) in enumerate(rows.items()):
            values = [r["value"] for r in row]
            style = plots.style(position)
            axes.plot(values, [r[metric] for r in row], marker="o", label=f"seed {seed}", **style)
        smallest = min(value for value in values if value > 0)
        axes.set_xscale("symlog", linthresh=smallest)
        axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.minorticks_off()
        axes.set_xlabel(LABELS[option])
        axes.set_ylabel(label)
        axes.grid(color="0.9")
    panels[0].legend(frameon=False)
    plots.save(figure, path)


if __name__ == "__main__":
    main()
