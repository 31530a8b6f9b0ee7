"""Rows and columns of the tables of comparisons."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scipy.stats import ttest_rel

from nasp.experiment.measurement import Measurement
from nasp.metric import Metric

SHOWN = 3  # largest number of architectures in a field of the table

Row = list[Measurement]
"""The measurements of one method, data set and setting, one for each seed."""
Column = Callable[[Row, Sequence[Row]], str]
"""Returns the text of a field, given its row and all rows, best first."""


def completed(row: Row) -> Row:
    """Return the measurements that did not fail."""
    return [one for one in row if not one.failed]


def mean(row: Row, name: str) -> float:
    """Return the mean of a metric over the seeds; NaN if all failed."""
    return statistics.mean([one.metrics[name] for one in completed(row)] or [float("nan")])


def ranked(rows: Sequence[Row], metric: Metric) -> list[Row]:
    """Return the rows, best mean first and failed rows last."""
    name = metric.name

    def key(row: Row) -> tuple[bool, float, str]:
        failed = not completed(row)
        return failed, 0.0 if failed else metric.as_loss(mean(row, name)), row[0].name

    return sorted(rows, key=key)


def heading(place: Mapping[str, Any], processes: str) -> str:
    """Return a line on the environment of the measurements."""
    versions = ", ".join(f"{name} {version}" for name, version in place["versions"].items())
    return f"{place['device']}, {processes}; {versions}; table of commit {place['commit']}."


def commits(rows: Sequence[Row]) -> str:
    """Return the commits of the measurements, as the end of a sentence."""
    found = sorted({one.commit for row in rows for one in row if one.commit})
    return "".join(f"; measured at {commit}" for commit in found)


def table(rows: Sequence[Row], columns: Mapping[str, Column], first: int) -> Iterator[str]:
    """Yield the lines of a table, in Markdown.

    Args:
        rows: The rows, best first.
        columns: Columns by title.
        first: Number of columns of a row whose measurements have all failed.
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
    """Return the name of the method."""
    return row[0].method


def seeds(row: Row, rows: Sequence[Row]) -> str:
    """Return the number of complete seeds, and the number of all seeds if it differs."""
    done = len(completed(row))
    return str(done) + (f" of {len(row)}" if 0 < done < len(row) else "")


def mean_and_deviation(name: str) -> Column:
    """Return a column of mean ± standard deviation of a metric over the seeds."""

    def column(row: Row, rows: Sequence[Row]) -> str:
        values = [one.metrics[name] for one in completed(row)]
        spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
        return f"{statistics.mean(values):.4f}{spread}"

    return column


def mean_of(name: str, digits: int = 4) -> Column:
    """Return a column of the mean of a metric over the seeds."""
    return lambda row, rows: f"{mean(row, name):.{digits}f}"


def worst(metric: Metric) -> Column:
    """Return a column of the worst value of a metric over the seeds."""

    def column(row: Row, rows: Sequence[Row]) -> str:
        return (
            f"{max((one.metrics[metric.name] for one in completed(row)), key=metric.as_loss):.4f}"
        )

    return column


def seconds(*parts: str) -> Column:
    """Return a column of the mean wall time of parts, or of all parts if none is named."""

    def column(row: Row, rows: Sequence[Row]) -> str:
        times = [
            sum(s for part, s in one.seconds.items() if part in parts or not parts)
            for one in completed(row)
        ]
        return f"{statistics.mean(times):.1f}"

    return column


def significance(name: str) -> Column:
    """Return a column of the p-value of a paired t-test against the best other row."""

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
    """Return the found architectures, with the number of seeds of each."""
    counts = Counter(one.found for one in row if one.found)
    return ", ".join(f"{name} {count}" for name, count in counts.most_common(SHOWN)) + (
        ", …" if len(counts) > SHOWN else ""
    )
