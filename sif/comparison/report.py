"""The table and the pictures of a comparison."""

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import ttest_rel

from nasp.atomic_io import write_text
from nasp.runs import plots
from sif.comparison.cells import Cell
from sif.comparison.methods import FIXED, SEARCHED, TRIVIAL, methods_of

DRAWN = 8  # lines in a panel
SHOWN = 3  # functions in a cell of the table

Group = list[Cell]
"""The cells of one method, data set and embedding_dim, one for each seed."""


def write(
    folder: Path, groups: Sequence[Group], place: dict[str, Any], entities: Mapping[str, int]
) -> list[Path]:
    """Write `table.md` and a picture for each data set.

    Args:
        folder: The comparison's.
        groups: All measured cells.
        place: Device, versions and commit.
        entities: How many columns of entities each data set has.

    Returns:
        The files.
    """
    files = [folder / "table.md"]
    write_text(files[0], "\n".join(_document(groups, place, entities)) + "\n")
    for label in dict.fromkeys(group[0].label for group in groups):
        files.append(folder / f"{label.replace('/', '-')}.png")
        _draw([group for group in groups if group[0].label == label], files[-1])
    return files


def metrics(groups: Sequence[Group]) -> dict[str, float]:
    """Mean test RMSE of each row of the table, by a name that a tracker takes."""
    named = {}
    for group in groups:
        if _good(group):
            cell = group[0]
            dim = f" dim {cell.embedding_dim}" if cell.embedding_dim else ""
            name = re.sub(r"[^\w./ -]", "-", f"test/rmse/{cell.label}/{cell.method}{dim}")
            named[name] = _mean(group, "test/rmse")
    return named


def _document(
    groups: Sequence[Group], place: dict[str, Any], entities: Mapping[str, int]
) -> Iterator[str]:
    yield "# Interaction functions and rating models side by side"
    yield ""
    versions = ", ".join(f"{name} {version}" for name, version in place["versions"].items())
    yield f"{place['device']}, one thread a method; {versions}; table of commit {place['commit']}."
    yield (
        "Test RMSE in rating units, mean ± standard deviation over the seeds, and standardised as "
        "in the papers; p: paired t-test against the best other row; s: seconds of one training or "
        "search, without tuning. Hyper-parameters of every method were tuned on the validation "
        "ratings of the first seed with the same number of trials; they are among the training and "
        "test ratings of the other seeds, whose rows are on the kind side by that. The global mean "
        "predicts the same for all; other models fall back on biases where an id is unseen. A "
        "fixed model is trained once; "
        "a method that searches trains several functions alone, and validation chooses among them."
    )
    for data in dict.fromkeys(group[0].data for group in groups):
        rows = [group for group in groups if group[0].data == data]
        ranked = sorted(rows, key=lambda g: (_mean(g, "test/rmse"), g[0].name))
        yield ""
        yield f"## {data}"
        yield ""
        settings = rows[0][0].identity
        cut = [m for m in methods_of(entities[data]) if m not in {g[0].method for g in rows}]
        commits = {cell.commit for group in rows for cell in group if cell.commit}
        yield (
            f"{settings['tuning_trials']} tuning trials, batches of {settings['search.batch_size']}"
            + (f"; left out: {', '.join(cut)}" if cut else "; no method is left out")
            + "".join(f"; measured at {commit}" for commit in sorted(commits))
            + "."
        )
        yield ""
        yield (
            "| method | dim | seeds | test RMSE | standardised | validation RMSE | p | s | "
            "parameters | found |"
        )
        yield "|---|---|---|---|---|---|---|---|---|---|"
        for group in ranked:
            yield _row(group, ranked)


def _row(group: Group, ranked: Sequence[Group]) -> str:
    cell, good = group[0], _good(group)
    if not good:
        dim = cell.embedding_dim or ""
        return f"| {cell.method} | {dim} | 0 | failed: {cell.failed} |" + " |" * 6
    values = [c.metrics["test/rmse"] for c in good]
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    others = next((g for g in ranked if g is not group and _good(g)), None)
    return (
        "| "
        + " | ".join(
            [
                cell.method,
                str(cell.embedding_dim or ""),
                str(len(good)) + (f" of {len(group)}" if len(good) < len(group) else ""),
                f"{statistics.mean(values):.4f}{spread}",
                f"{_mean(group, 'test/rmse_standardized'):.4f}",
                f"{_mean(group, 'valid/rmse'):.4f}",
                _significance(group, others),
                f"{statistics.mean(c.seconds for c in good):.1f}",
                f"{statistics.mean(c.parameters for c in good):.0f}",
                _found(group),
            ]
        )
        + " |"
    )


def _found(group: Group) -> str:
    """What was found, and for how many seeds."""
    found = Counter(cell.found for cell in group if cell.found)
    return ", ".join(f"{name} {count}" for name, count in found.most_common(SHOWN)) + (
        ", …" if len(found) > SHOWN else ""
    )


def _significance(group: Group, other: Group | None) -> str:
    """P of a paired t-test over the seeds that both have."""
    if other is None:
        return ""
    theirs = {c.seed: c.metrics["test/rmse"] for c in _good(other)}
    pairs = [(c.metrics["test/rmse"], theirs[c.seed]) for c in _good(group) if c.seed in theirs]
    if len(pairs) < 2 or all(a == b for a, b in pairs):
        return ""
    p = float(ttest_rel(*zip(*pairs, strict=True)).pvalue)
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def _good(group: Group) -> Group:
    return [cell for cell in group if not cell.failed]


def _mean(group: Group, metric: str) -> float:
    return statistics.mean([c.metrics[metric] for c in _good(group)] or [float("inf")])


def _draw(groups: Sequence[Group], path: Path) -> None:
    """Validation RMSE against wall time, on one split: searches, and the best fixed models.

    It is the split on which the biases have their median error: splits of a small table differ by
    more than methods do.
    """
    figure = plots.new_figure(11, 6.5)
    kinds = {"methods that search": SEARCHED, "fixed models": FIXED}
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    trivial = [group for group in groups if group[0].method in TRIVIAL]
    biases = sorted(trivial[-1], key=lambda cell: cell.metrics["valid/rmse"])
    seed = biases[len(biases) // 2].seed
    level = min(c.metrics["valid/rmse"] for group in trivial for c in group if c.seed == seed)
    shown = [level]
    dims = {group[0].embedding_dim for group in groups if group[0].embedding_dim}
    for axes, (title, kind) in zip(panels, kinds.items(), strict=True):
        drawn = [g for g in groups if g[0].method in kind and any(c.seed == seed for c in _good(g))]
        drawn.sort(key=lambda g: _mean(g, "test/rmse"))
        for position, group in enumerate(drawn[:DRAWN]):
            cell = next(c for c in group if c.seed == seed)
            seconds, rmse = zip(*cell.curve, strict=True)
            label = cell.method + (f", dim {cell.embedding_dim}" if len(dims) > 1 else "")
            if cell.found:
                label += f": {cell.found}"
            axes.plot(seconds, rmse, drawstyle="steps-post", label=label, **plots.style(position))
            axes.plot(seconds[-1], rmse[-1], "o", color=plots.style(position)["color"])
            shown.append(rmse[-1])
        axes.axhline(level, color="0.6", linewidth=0.8, label="best trivial model")
        axes.set_xscale("log")
        axes.set_xlabel("wall time, s (one thread)")
        if len(drawn) > DRAWN:
            title += f": the {DRAWN} best of {len(drawn)} by test RMSE"
        axes.set_title(title, fontsize="medium")
        axes.grid(color="0.9")
        # Below the panel: names of functions are long, and lines are everywhere.
        axes.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(0, -0.14))
    panels[0].set_ylabel("best validation RMSE so far (rating units)")
    low, high = min(shown), max(shown)
    panels[0].set_ylim(low - 0.1 * (high - low), high + 0.3 * (high - low))
    figure.suptitle(f"{groups[0][0].label}: the split of seed {seed}", fontsize="medium")
    plots.save(figure, path)
