"""A one-line summary of a table that was read."""

from pathlib import Path
from textwrap import shorten

from sif.data.check import Check
from sif.data.columns import USUAL_NAMES
from sif.data.layout import Layout
from sif.data.store import Table


def summary(path: Path, layout: Layout, check: Check, table: Table) -> str:
    """Return counts, columns, guesses and dropped ratings in one line.

    For example: `books.csv: 5,449 ratings, 300 users, 200 items, ratings 1–5; user=uid item=isbn
    rating=stars; not used: season, when; no header`. A table without ratings has pairs: `log.csv:
    812 pairs, 30 users, 20 items; no ratings, so all values are 1; user=uid item=isbn`.
    """
    counts = [f"{len(table):,} {'ratings' if check.rated else 'pairs'}"]
    for name, ids in zip(table.columns, table.ids, strict=True):
        kind = f"{name}s" if name in USUAL_NAMES else f"values of {name}"
        counts.append(f"{len(ids):,} {kind}")
    low, high = check.span
    taken = dict(check.found)
    if table.times is None:
        taken.pop("timestamp", None)
    columns = [f"{role if role in USUAL_NAMES else 'context'}={n}" for role, n in taken.items()]
    if table.times is not None and check.clock.described:
        columns[-1] += f" ({check.clock.described})"
    unused = [name or "(no name)" for name in layout.names if name not in taken.values()]
    if check.rated:
        counts.append(f"all ratings {low:g}" if low == high else f"ratings {low:g}–{high:g}")
        parts = [", ".join(counts), " ".join(columns)]
    else:
        hint = " (--columns rating=NAME names a column of ratings)" if unused else ""
        parts = [", ".join(counts), f"no ratings, so all values are 1{hint}", " ".join(columns)]
    if unused:
        parts.append("not used: " + shorten(", ".join(unused), 100, placeholder=" …"))
    if not layout.header:
        parts.append("no header")
    elif any(name.isdecimal() for name in layout.names) and layout.text:
        parts.append("the first line is a header")
    parts += [note for note in (layout.note, *check.notes) if note]
    return " ".join(f"{path.name}: {'; '.join(parts)}".split())
