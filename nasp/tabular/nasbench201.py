"""The table of NAS-Bench-201 (Dong & Yang, ICLR 2020, arXiv 2001.00326)."""

from pathlib import Path

from nasp.cnn.nasbench201 import decisions, from_text
from nasp.errors import NaspError
from nasp.tabular.table import (
    Key,
    Measured,
    Problem,
    TableKind,
    check_new,
    key_of,
    number,
    read_rows,
)

DATA = ("cifar10", "cifar100", "imagenet16_120")


class NASBench201(TableKind):
    """15,625 cells of six edges with five operations, on three data sets.

    A row is a cell in the benchmark's notation, with accuracies in percent: validation after 12
    epochs, and test after 200 epochs, which are averages of the benchmark's trainings.
    """

    card = "nas-bench-201"
    seen = "validation accuracy after 12 epochs"
    judged = "test accuracy after 200 epochs"
    trial = "a training of 12 epochs"
    trials = (10, 30, 100, 300)

    def read(self, path: Path) -> dict[str, Problem]:
        space = decisions(16)
        names = [(f"{data}_valid_12_epochs", f"{data}_test_200_epochs") for data in DATA]
        seen: list[dict[Key, float]] = [{} for _ in DATA]
        judged: list[dict[Key, float]] = [{} for _ in DATA]
        columns = ["architecture", *(column for pair in names for column in pair)]
        for place, row in read_rows(path, columns):
            try:
                key = key_of(from_text(row["architecture"]).choices, space)
            except NaspError as error:
                raise NaspError(f"{place}: not a cell of this space: {error}") from error
            check_new(place, key, seen[0])
            for position, (valid, test) in enumerate(names):
                seen[position][key] = 100 - number(place, row, valid)
                judged[position][key] = 100 - number(place, row, test)
        found = {
            data: Problem(space, (Measured(*values),))
            for data, *values in zip(DATA, seen, judged, strict=True)
        }
        found[DATA[0]].check_complete(path)  # a row has all data sets
        return found
