"""The table of NAS-Bench-Macro (Su et al., CVPR 2021, arXiv 2103.11922)."""

from pathlib import Path

from nasp.core.decision import Decision
from nasp.errors import NaspError
from nasp.tabular.table import Key, Measured, Problem, TableKind, check_new, number, read_rows

LAYERS = 8
BLOCKS = ("identity", "mb3_k3", "mb6_k5")
"""The digits 0, 1, 2: identity, or an inverted residual of expansion 3 or 6 and kernel 3 or 5."""
DECISIONS = tuple(
    Decision(f"layer_{layer}", ("input",), BLOCKS, (0.0, 3.0, 6.0))
    for layer in range(1, LAYERS + 1)
)


class NASBenchMacro(TableKind):
    """6,561 networks of eight layers with three blocks each, on CIFAR-10.

    The table has test accuracies of three trainings, and no validation accuracy. A search sees the
    first of the three, and its answer is judged by the mean of the three. So a search sees a third
    of what judges it, and regrets here are smaller than those of a search by validation.
    """

    card = "nas-bench-macro"
    seen = "test accuracy of the first training"
    judged = "mean test accuracy of the three trainings, the first among them"
    trial = "a training"

    def read(self, path: Path) -> dict[str, Problem]:
        accuracies = [f"test_accuracy_{number}" for number in (1, 2, 3)]
        seen: dict[Key, float] = {}
        judged: dict[Key, float] = {}
        for place, row in read_rows(path, ["architecture", *accuracies]):
            text = row["architecture"].strip()
            if len(text) != LAYERS or not set(text) <= set("012"):
                raise NaspError(
                    f"{place}: {text!r:.60} is not a network of this space: write a digit, 0, 1 or "
                    f"2, for each of {LAYERS} layers"
                )
            key = tuple((("input", BLOCKS[int(digit)]),) for digit in text)
            check_new(place, key, seen)
            values = [100 - number(place, row, column) for column in accuracies]
            seen[key], judged[key] = values[0], sum(values) / len(values)
        problem = Problem(DECISIONS, (Measured(seen, judged),))
        problem.check_complete(path)
        return {"cifar10": problem}
