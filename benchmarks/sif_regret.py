"""Regret of searches in SIF-Bench: the tables of `sif_bench.py` in place of trainings.

The regret of an answer is its test RMSE minus the smallest one of all members. Each search chooses
among the members that it trains by validation RMSE. A sampler trains as many as `--trainings`
says; a search on shared weights trains the best of what its restarts found. `random` at equal cost
trains as many members as the processor time of the search on shared weights pays for. A second
table has the difference of the two answers, on the same splits, with its deviation over the seeds
of the splits.

    python benchmarks/sif_regret.py
"""

import argparse
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from sif_bench import MEMBERS, SEARCHES, Row, read

from nasp.core.decision import Decision
from nasp.samplers import SAMPLERS
from sif.nn.space import DECISION
from sif.options import ENCODERS, SearchOptions

FINALISTS = SearchOptions().finalists
RESULTS = Path(__file__).with_name("results")
Member = tuple[str, str]


@dataclass(frozen=True)
class Bench:
    """The members of the space on one split of a data set.

    Attributes:
        valid: Validation RMSE of each member, by encoder and function.
        test: Test RMSE.
        seconds: Processor time of its training.
        biases: Validation and test RMSE of the biases.
    """

    valid: Mapping[Member, float]
    test: Mapping[Member, float]
    seconds: Mapping[Member, float]
    biases: tuple[float, float]

    def answer(self, tried: Sequence[Member]) -> tuple[float, float]:
        """Return validation and test RMSE of the best of some members by validation."""
        best = min(tried, key=self.valid.__getitem__)
        return self.valid[best], self.test[best]

    def answers(self, sampler: str, count: int, repeats: int) -> list[tuple[float, float]]:
        """Return the answers of a sampler with several seeds."""
        return [self.answer(self.sampled(sampler, count, seed)) for seed in range(repeats)]

    def regret(self, answer: tuple[float, float]) -> float:
        """Return the regret of an answer's validation and test RMSE."""
        return answer[1] - min(self.test.values())

    def decision(self) -> Decision:
        """Return the decision whose candidates are the members."""
        encoders = [name for name in ENCODERS if any(e == name for e, _ in self.valid)]
        functions = list(dict.fromkeys(function for _, function in self.valid))
        cost = (1.0,) * len(functions)
        return Decision(DECISION, tuple(encoders), tuple(functions), cost, keep=1)

    def sampled(self, sampler: str, count: int, seed: int) -> list[Member]:
        """Return the members that a sampler tries."""
        random = torch.Generator().manual_seed(seed)
        chosen = SAMPLERS[sampler]((self.decision(),), random)
        tried = list[Member]()
        for _ in range(count):
            (trial,) = chosen.ask()
            (member,) = trial.choices[DECISION]
            tried.append(member)
            chosen.tell(trial.completed(self.valid[member]))
        return tried


def benches(table: Mapping[Row, Row]) -> dict[tuple[str, str], Bench]:
    """Return the members by data set and seed."""
    found = {}
    for split in dict.fromkeys(key[:2] for key in table):
        rows = {
            (encoder, function): values
            for (*of, encoder, function, training), values in table.items()
            if tuple(of) == split and training == "map"
        }
        trivial = rows.pop(("", "biases"))
        valid, test, seconds = (
            {member: _number(values[n]) for member, values in rows.items()} for n in (0, 1, 4)
        )
        found[split[0], split[1]] = Bench(
            valid, test, seconds, (float(trivial[0]), float(trivial[1]))
        )
    return found


def _number(text: str) -> float:
    """Return a number of a table; infinity for `nan`, which a training that diverges leaves."""
    return math.inf if text == "nan" else float(text)


@dataclass(frozen=True)
class Cells:
    """The cells of a table, each with a value for each seed or repeat.

    Attributes:
        rows: The values by row and data set.
    """

    rows: dict[str, dict[str, list[float]]]

    def add(self, row: str, name: str, value: float) -> None:
        self.rows.setdefault(row, {}).setdefault(name, []).append(value)

    def table(self, title: str, names: Sequence[str], form: str, spread: bool = False) -> str:
        """Return the table of means in Markdown, with the deviation over seeds if asked for."""
        lines = [f"| {title} | " + " | ".join(names) + " |", "|---" + "|---" * len(names) + "|"]
        for row, by_name in self.rows.items():
            cells = []
            for name in names:
                values = by_name.get(name, [])
                cell = form.format(statistics.mean(values)) if values else ""
                if spread and len(values) > 1:
                    cell += f" ± {statistics.stdev(values):.4f}"
                cells.append(cell)
            lines.append(f"| {row} | " + " | ".join(cells) + " |")
        return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=Path, default=RESULTS / "sif_bench.csv")
    parser.add_argument("--searches", type=Path, default=RESULTS / "sif_searches.csv")
    parser.add_argument("--samplers", nargs="+", default=["random", "tpe", "evolution"])
    parser.add_argument("--trainings", type=int, nargs="+", default=[3, 6, 12])
    parser.add_argument("--repeats", type=int, default=100, help="seeds of each sampler")
    arguments = parser.parse_args()
    found = benches(read(arguments.members, MEMBERS))
    searches = read(arguments.searches, SEARCHES)
    names = list(dict.fromkeys(name for name, _ in found))
    regrets, pairs = Cells({}), Cells({})

    for (name, seed), bench in found.items():
        regrets.add("biases", name, bench.regret(bench.biases))
        for sampler, count in product(arguments.samplers, arguments.trainings):
            for drawn in bench.answers(sampler, count, arguments.repeats):
                regrets.add(f"{sampler}, {count} trainings", name, bench.regret(drawn))
        for strategy in dict.fromkeys(key[2] for key in searches):
            runs = [v for k, v in searches.items() if k[:3] == (name, seed, strategy)]
            if not runs:
                continue
            runs.sort(key=lambda run: float(run[2]))
            members = list(dict.fromkeys((run[0], run[1]) for run in runs))[:FINALISTS]
            answer = bench.answer(members)
            regrets.add(strategy, name, bench.regret(answer))
            # As in `sif.search`, where the biases compete.
            regrets.add(f"{strategy}, biases", name, bench.regret(min(answer, bench.biases)))
            cost = sum(float(run[3]) for run in runs)
            cost += sum(bench.seconds[member] for member in members)
            affordable = round(cost / statistics.mean(bench.seconds.values()))
            for label, count in (("trainings", len(members)), ("time", affordable)):
                rivals = bench.answers("random", max(1, count), arguments.repeats)
                for rival in rivals:
                    regrets.add(f"random, the {label} of {strategy}", name, bench.regret(rival))
                for part, values in enumerate(zip(*rivals, strict=True)):
                    row = f"{strategy} − random, its {label}, {('validation', 'test')[part]}"
                    pairs.add(row, name, answer[part] - statistics.mean(values))
    print(regrets.table("regret: test RMSE", names, "{:.4f}"))
    print("\n" + pairs.table("difference of RMSE", names, "{:+.4f}", spread=True))


if __name__ == "__main__":
    main()
