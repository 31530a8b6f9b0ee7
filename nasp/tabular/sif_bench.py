"""The table of interaction functions that `benchmarks/sif_bench.py` makes."""

from pathlib import Path

from nasp.core.decision import Decision
from nasp.errors import NaspError
from nasp.tabular.table import Key, Measured, Problem, TableKind, check_new, number, read_rows

COLUMNS = ("data", "seed", "encoder", "function", "training", "valid_rmse", "test_rmse")
INTERACTION = "interaction"


class SIFBench(TableKind):
    """Interaction functions, an encoder and an operation each, on several splits of data sets.

    Rows without an encoder, which are the biases, and rows of other trainings than `map` are left
    out. A training that diverged is a failed trial.
    """

    card = "sif-bench"
    seen = "validation RMSE"
    judged = "test RMSE"
    unit = "RMSE"
    trial = "a training"
    trials = (3, 6, 12)

    def read(self, path: Path) -> dict[str, Problem]:
        found: dict[str, dict[str, tuple[dict[Key, float], dict[Key, float]]]] = {}
        for place, row in read_rows(path, COLUMNS):
            if row["training"] != "map" or not row["encoder"]:
                continue
            if not row["function"]:
                raise NaspError(f"{place}: it has no function: give one")
            seen, judged = found.setdefault(row["data"], {}).setdefault(row["seed"], ({}, {}))
            key: Key = (((row["encoder"], row["function"]),),)
            check_new(place, key, seen)
            seen[key] = number(place, row, "valid_rmse", diverged=True)
            judged[key] = number(place, row, "test_rmse", diverged=True)
        if not found:
            raise NaspError(f"{path} has no row of the training 'map': give the whole table")
        problems = {}
        for data, splits in found.items():
            members = [key[0][0] for seen, _ in splits.values() for key in seen]
            encoders, functions = (
                tuple(dict.fromkeys(part)) for part in zip(*members, strict=True)
            )
            decision = Decision(INTERACTION, encoders, functions, (1.0,) * len(functions))
            parts = tuple(Measured(*values) for values in splits.values())
            problems[data] = Problem((decision,), parts)
            problems[data].check_complete(path)
        return problems
