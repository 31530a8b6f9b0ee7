"""The roles of a table's columns, given by name or number, or found by usual names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten

import pandas as pd

from nasp.errors import NaspError, nearest

# Usual names, most specific first, in lower case, without punctuation and without a final "id".
USUAL_NAMES = {
    "user": ("user", "users", "u", "reviewer", "customer", "member"),
    "item": (
        *("item", "i", "movie", "product", "asin", "book", "isbn", "artist", "song", "business"),
        *("anime", "track", "game", "app", "recipe", "joke"),
    ),
    "rating": (
        "rating",
        "ratings",
        "bookrating",
        "stars",
        "score",
        "overall",
        "value",
        "count",
        "cnt",
        "weight",
        *("label", "click", "clicked", "target"),
    ),
    "timestamp": (
        *("timestamp", "time", "unixreviewtime", "unixtime", "ts", "datetime", "date"),
        *("reviewtime", "reviewdate", "createdat"),
    ),
}
ROLES = (*USUAL_NAMES, "context")
MATRIX = "a user × item matrix is melted to a line for each rating first, with pandas.melt"


@dataclass(frozen=True)
class Columns:
    """The names or numbers (from 1) of a table's columns; a column that is None is looked up.

    Attributes:
        user: Column of user ids.
        item: Column of item ids.
        rating: Column of ratings or counts.
        timestamp: Column of times, which is optional.
        contexts: Further entity columns (where, when, with whom); they are never looked up.

    Raises:
        NaspError: Two roles share a column, or a context has the canonical name of a role.
    """

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    timestamp: str | None = None
    contexts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that no column has two roles, and that no context has a canonical name."""
        for name in self.given:
            if self.given.count(name) > 1:
                raise NaspError(f"--columns: column {name!r} has two roles; give it one")
        for name in self.contexts:
            if name in USUAL_NAMES:
                raise NaspError(
                    f"--columns: a context cannot be called {name!r}; rename the column"
                )

    @property
    def entities(self) -> tuple[str, ...]:
        """The canonical names of the entity columns: user, item, then the contexts."""
        return ("user", "item", *self.contexts)

    @property
    def given(self) -> tuple[str, ...]:
        """The given columns of all roles."""
        named = (self.user, self.item, self.rating, self.timestamp, *self.contexts)
        return tuple(name for name in named if name is not None)


def entity_columns(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the entity columns of a checked frame: all but `rating` and `timestamp`."""
    return tuple(name for name in frame.columns if name not in ("rating", "timestamp"))


def parse_columns(text: str | None) -> Columns:
    """Parse the value of `--columns`.

    Args:
        text: For example `user=uid,item=iid,context=city,context=weekday`, or with numbers,
            `user=2,item=1,rating=3`; None gives no column.

    Raises:
        NaspError: A part is not `role=column`, or a role is unknown or given twice.
    """
    named: dict[str, str] = {}
    contexts: list[str] = []
    for part in text.split(",") if text else ():
        role, equals, name = (piece.strip() for piece in part.partition("="))
        if not (role and equals and name):
            raise NaspError(f"--columns: {part!r} is not of the form role=column")
        if role not in ROLES:
            hint = nearest(role, ROLES)
            raise NaspError(f"--columns: unknown role {role!r}{hint}; roles: {', '.join(ROLES)}")
        if role in named:
            raise NaspError(f"--columns: {role} is given twice; only context can be repeated")
        if role == "context":
            contexts.append(name)
        else:
            named[role] = name
    return Columns(**named, contexts=tuple(contexts))


def roles_named(names: Sequence[str], columns: Columns) -> bool:
    """Whether fields are names of columns: the given names, or usual names of two roles."""
    given = [name for name in columns.given if not name.isdecimal()]
    usual = [role for role in USUAL_NAMES if usual_columns(role, names)]
    return any(name in names for name in given) or len(usual) > 1


def resolve_numbers(columns: Columns, names: Sequence[str]) -> Columns:
    """Replace numbers of columns by names.

    If all numbers are names of columns as well, they are not replaced.

    Args:
        columns: The user's columns.
        names: All columns of the table.
    """
    numbers = [name for name in columns.given if name.isdecimal()]
    if all(name in names for name in numbers):
        return columns

    def named(name: str) -> str:
        held = name in numbers and 0 < int(name) <= len(names)
        return names[int(name) - 1] if held else name

    contexts = tuple(map(named, columns.contexts))
    roles = {role: getattr(columns, role) for role in USUAL_NAMES}
    return Columns(**{r: n and named(n) for r, n in roles.items()}, contexts=contexts)


def find_columns(
    names: Sequence[str],
    columns: Columns,
    source: str,
    header: bool = True,
    pairs: bool = False,
) -> dict[str, str]:
    """Find the wanted columns in a table.

    Args:
        names: All columns of the table.
        columns: The user's names of the columns.
        source: The table's name, for messages.
        header: Whether the table has a header. If not, its columns are assumed to be user, item,
            rating and timestamp, in this order, without the given ones.
        pairs: Whether a column of ratings may be missing.

    Returns:
        The table's name of each canonical column: entities, `rating` and `timestamp` if any.

    Raises:
        NaspError: A column is missing or appears twice.
    """
    listed = shorten(", ".join(names), 200, placeholder=" …")
    if any("\0" in name for name in names):
        raise NaspError(f"{source}: the name of a column holds a NUL byte; rename it")
    free = [name for name in names if name not in columns.given]
    if not header:
        found = _by_order(names, free, columns, source)
    else:
        found = {role: given for role in USUAL_NAMES if (given := getattr(columns, role))}
        for role in USUAL_NAMES:
            if role not in found and (matches := usual_columns(role, free)):
                found[role] = matches[0]
    for role in ("user", "item", "rating"):
        if role not in found and not (pairs and role == "rating"):
            wide = len(free) > 8 or sum(name.isdecimal() for name in free) > 2
            hint = f"; {MATRIX}" if wide else ""
            raise NaspError(
                f"{source}: no {role} column among its columns: {listed}; "
                f"name it with --columns {role}=NAME, or by its number, from 1{hint}"
            )
    found.update({name: name for name in columns.contexts})
    for name in found.values():
        if names.count(name) != 1:
            fault = "appears twice" if name in names else f"is not there{nearest(name, names)}"
            raise NaspError(f"{source}: column {name!r} {fault}; its columns: {listed}")
    order = (*columns.entities, "rating", "timestamp")
    return {name: found[name] for name in order if name in found}


def _by_order(
    names: Sequence[str], free: list[str], columns: Columns, source: str
) -> dict[str, str]:
    """Return the columns of a table without a header, by their order."""
    found = {role: given for role in USUAL_NAMES if (given := getattr(columns, role))}
    if len({"user", "item", "rating"} & set(found)) == 3:
        return found
    if len(names) > len(USUAL_NAMES) + len(columns.contexts):
        raise NaspError(
            f"{source}: {len(names)} columns and no header: say which is which by number, with "
            f"--columns user=1,item=2,rating=3 for example; {MATRIX}"
        )
    missing = [role for role in USUAL_NAMES if role not in found]
    return found | dict(zip(missing, free, strict=False))


def usual_columns(role: str, names: Sequence[str]) -> list[str]:
    """Return the names that are usual for a role, best first."""
    return [name for usual in USUAL_NAMES[role] for name in names if stem(name) == usual]


def stem(name: str) -> str:
    """Return a name in lower case, without punctuation and a final `id`."""
    return re.sub(r"[\W_]", "", name).lower().removesuffix("id")
