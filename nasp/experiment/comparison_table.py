"""What the tables of comparisons are made of."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scipy.stats import ttest_rel

from nasp.experiment.measurement import Measurement
from nasp.metric import Metric

SHOWN = 3  # architectures in a place of the table

Row = list[Measurement]
"""The measurements of one method, data set and setting: one for each seed."""
Column = Callable[[Row, Sequence[Row]], str]
"""What a row has in a column, given the row and all rows, best first."""


def completed(row: Row) -> Row:
    """The measurements that did not fail."""
    return [one for one in row if not one.failed]


def mean(row: Row, name: str) -> float:
    """Mean of a metric over the seeds; NaN if all failed."""
    return statistics.mean([one.metrics[name] for one in completed(row)] or [float("nan")])


def ranked(rows: Sequence[Row], metric: Metric) -> list[Row]:
    """The rows, best mean first; those that failed last."""
    name = metric.name

    def key(row: Row) -> tuple[bool, float, str]:
        failed = not completed(row)
        return failed, 0.0 if failed else metric.as_loss(mean(row, name)), row[0].name

    return sorted(rows, key=key)


def heading(place: Mapping[str, Any], processes: str) -> str:
    """Where the measurements were made."""
    versions = ", ".join(f"{name} {version}" for name, version in place["versions"].items())
    return f"{place['device']}, {processes}; {versions}; table of commit {place['commit']}."


def commits(rows: Sequence[Row]) -> str:
    """Which commits the measurements are of, to append to a sentence."""
    found = sorted({one.commit for row in rows for one in row if one.commit})
    return "".join(f"; measured at {commit}" for commit in found)


def table(rows: Sequence[Row], columns: Mapping[str, Column], first: int) -> Iterator[str]:
    """The lines of a table, in Markdown.

    Args:
        rows: The rows, best first.
        columns: By their titles.
        first: How many of the columns a row has whose measurements all failed.
    """
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        texts = [column(row, rows) for column in list(columns.values())[:first]]
        if completed(row):
            texts += [column(row, rows) for column in list(columns.values())[first:]]
        else:
            texts += [f"failed: {row[0].failed}", *[""] * (len(columns) - first - 1)]
        yield "| " + " | ".join(texts) + " |"


def method(row: Row, rows: Sequence[Row]) -> str:
    """Name of the method."""
    return row[0].method


def seeds(row: Row, rows: Sequence[Row]) -> str:
    """How many seeds completed, of how many."""
    done = len(completed(row))
    return str(done) + (f" of {len(row)}" if 0 < done < len(row) else "")


def mean_and_deviation(name: str) -> Column:
    """Mean ± standard deviation of a metric over the seeds."""

    def column(row: Row, rows: Sequence[Row]) -> str:
        values = [one.metrics[name] for one in completed(row)]
        spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
        return f"{statistics.mean(values):.4f}{spread}"

    return column


def mean_of(name: str, digits: int = 4) -> Column:
    """Mean of a metric over the seeds."""
    return lambda row, rows: f"{mean(row, name):.{digits}f}"


def worst(metric: Metric) -> Column:
    """The worst value of a metric over the seeds."""

    def column(row: Row, rows: Sequence[Row]) -> str:
        return (
            f"{max((one.metrics[metric.name] for one in completed(row)), key=metric.as_loss):.4f}"
        )

    return column


def seconds(*parts: str) -> Column:
    """Mean wall time of some parts over the seeds; of all if none is named."""

    def column(row: Row, rows: Sequence[Row]) -> str:
        times = [
            sum(s for part, s in one.seconds.items() if part in parts or not parts)
            for one in completed(row)
        ]
        return f"{statistics.mean(times):.1f}"

    return column


def significance(name: str) -> Column:
    """P of a paired t-test against the best other row, over the seeds that both have."""

    def column(row: Row, rows: Sequence[Row]) -> str:
        other = next((g for g in rows if g is not row and completed(g)), None)
        theirs = {one.seed: one.metrics[name] for one in completed(other or [])}
        pairs = [
            (one.metrics[name], theirs[one.seed]) for one in completed(row) if one.seed in theirs
        ]
        if len(pairs) < 2 or all(a == b for a, b in pairs):
            return ""
        p = float(ttest_rel(*zip(*pairs, strict=True)).pvalue)
        return f"{p:.3f}" if p >= 0.001 else "< 0.001"

    return column


def found(row: Row, rows: Sequence[Row]) -> str:
    """What was found, and for how many seeds."""
    counts = Counter(one.found for one in row if one.found)
    return ", ".join(f"{name} {count}" for name, count in counts.most_common(SHOWN)) + (
        ", …" if len(counts) > SHOWN else ""
    )
