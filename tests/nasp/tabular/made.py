"""Small tables: of NAS-Bench-Macro and SIF-Bench, and one of NAS-Bench-201 with planted values."""

import csv
from collections.abc import Iterable
from itertools import product
from pathlib import Path

from nasp.cnn.nasbench201 import EDGE_OPERATIONS, NOTATION

CELL = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|"
DATA = ("cifar10", "cifar100", "imagenet16_120")
Rows = Iterable[Iterable[object]]


def write(path: Path, header: Iterable[str], rows: Rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def macro_rows() -> list[list[object]]:
    """Accuracies are ten times the number of twos, plus 0, 1 and 2 in the three trainings."""
    digits = map("".join, product("012", repeat=8))
    return [[text, *(10 * text.count("2") + k for k in range(3))] for text in digits]


def macro(path: Path, rows: Rows | None = None) -> Path:
    header = ["architecture", "test_accuracy_1", "test_accuracy_2", "test_accuracy_3"]
    return write(path, header, macro_rows() if rows is None else rows)


def nasbench201(path: Path) -> Path:
    """Validation accuracy is the number of 3 × 3 convolutions, test accuracy ten times as large."""
    names = [NOTATION.get(name, name) for name in EDGE_OPERATIONS]
    columns = [f"{d}_{column}" for d in DATA for column in ("valid_12_epochs", "test_200_epochs")]
    rows = []
    for cell in product(names, repeat=6):
        convs = cell.count("nor_conv_3x3")
        rows.append([CELL.format(*cell), *[convs, 10 * convs] * 3])
    return write(path, ["architecture", *columns], rows)


def sif_bench(path: Path, rows: Rows | None = None) -> Path:
    """Two splits of two encoders and two functions; one training diverged."""
    header = ["data", "seed", "encoder", "function", "training", "valid_rmse", "test_rmse"]
    made = [
        ["shop", seed, encoder, function, "map", valid + 0.1 * seed, valid + 0.2 * seed]
        for seed in (1, 2)
        for (encoder, function), valid in zip(
            product(("id", "history"), ("plus", "max")), (0.9, 0.8, float("nan"), 0.7), strict=True
        )
    ]
    more = [["shop", 1, "", "biases", "map", 0.1, 0.1], ["shop", 1, "id", "max", "posterior", 0, 0]]
    return write(path, header, [*more, *made] if rows is None else rows)
