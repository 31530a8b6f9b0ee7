"""Tables and pictures of a benchmark of samplers."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nasp.runs.plots import new_figure, save, style
from nasp.tabular.searches import Searches
from nasp.tabular.table import TableKind

ByMethod = Mapping[str, Searches]


def ranked(methods: ByMethod, trials: int) -> list[str]:
    """Return the samplers, the one with the smallest mean regret after some trials first."""
    return sorted(methods, key=lambda name: methods[name].mean(trials))


def document(
    kind: TableKind, found: Mapping[str, ByMethod], trials: Sequence[int], heading: str
) -> Iterator[str]:
    """Yield the lines of a table of regrets for each data set, in Markdown.

    Args:
        kind: The kind of table.
        found: The searches by data set and sampler.
        trials: Numbers of trials, ascending.
        heading: A line on the environment.
    """
    seeds = max(len(s.regrets) for methods in found.values() for s in methods.values())
    yield (
        f"Regret in {kind.unit}, mean ± deviation over {seeds} seeds: {kind.judged}, of the best "
        f"architecture of the table against the answer. A search sees: {kind.seen}; its answer is "
        f"the trial that is best by it. A trial costs {kind.trial}; ms is the sampler's own "
        "processor time for it."
    )
    yield from ("", heading)
    for data, methods in found.items():
        yield from ("", f"## {data}", "")
        yield "| sampler | " + " | ".join(f"{n} trials" for n in trials) + " | ms |"
        yield "|" + "---|" * (len(trials) + 2)
        for name in ranked(methods, trials[-1]):
            one = methods[name]
            cells = [f"{one.mean(n):.4g} ± {one.deviation(n):.2g}" for n in trials]
            yield f"| {name} | " + " | ".join(cells) + f" | {one.milliseconds():.2f} |"


def draw(kind: TableKind, found: Mapping[str, ByMethod], path: Path) -> None:
    """Plot the mean regret against the cost, a panel for each data set.

    Raises:
        OSError: The file cannot be written.
    """
    columns = min(len(found), 3)
    rows = -(-len(found) // columns)
    figure = new_figure(5 * columns, 4 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for panel in panels[len(found) :]:
        panel.axis("off")
    for axes, (data, methods) in zip(panels, found.items(), strict=False):
        for position, (name, one) in enumerate(methods.items()):
            mean = one.regrets.mean(0).tolist()
            marker = "o" if len(mean) == 1 else None
            axes.plot(range(1, len(mean) + 1), mean, label=name, marker=marker, **style(position))
        axes.set(xscale="log", yscale="log", title=data)
        axes.set_xlabel(f"cost: trials, each {kind.trial}")
        axes.set_ylabel(f"regret ({kind.unit})")
        axes.grid(color="0.9", which="both")
    panels[0].legend(frameon=False, fontsize="small")
    save(figure, path)


def summary(found: Mapping[str, ByMethod], trials: Sequence[int]) -> dict[str, Any]:
    """Return the content of result.json: mean and deviation by data set, sampler and trials."""
    return {
        data: {
            name: {
                "seeds": len(one.regrets),
                "regret": {
                    str(n): {"mean": one.mean(n), "deviation": one.deviation(n)} for n in trials
                },
                "milliseconds": one.milliseconds(),
            }
            for name, one in methods.items()
        }
        for data, methods in found.items()
    }
