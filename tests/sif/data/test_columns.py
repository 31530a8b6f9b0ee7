"""`--columns`, and columns found by their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasp.errors import NaspError
from sif.data.columns import USUAL_NAMES, Columns, find_columns, parse_columns

NAMES = st.text("abcdefgXYZ_ 0123456789", min_size=1).map(str.strip).filter(bool)


@given(st.lists(NAMES, min_size=4, max_size=7, unique=True))
def test_what_is_written_is_what_is_parsed(names: list[str]) -> None:
    columns = Columns(names[0], names[1], names[2], names[3], tuple(names[4:]))
    roles = ["user", "item", "rating", "timestamp", *["context"] * (len(names) - 4)]
    text = ",".join(f"{role} = {name}" for role, name in zip(roles, names, strict=True))
    assert parse_columns(text) == columns
    assert columns.entities == ("user", "item", *names[4:])


@pytest.mark.parametrize("text", [None, ""])
def test_nothing_is_named(text: str | None) -> None:
    assert parse_columns(text) == Columns()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("user", ("'user'", "role=column")),
        ("user=uid,", ("''", "role=column")),
        ("user=", ("role=column",)),
        ("usr=uid", ("'usr'", "did you mean 'user'", "timestamp, context")),
        ("user=a,user=b", ("user", "twice")),
        ("user=a,item=a", ("'a'", "two roles")),
        ("user=a,context=item", ("'item'", "rename")),
    ],
)
def test_mistakes_are_named(text: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(NaspError) as caught:
        parse_columns(text)
    message = str(caught.value)
    assert all(part in message for part in ("--columns", *parts))
    assert "\n" not in message


@pytest.mark.parametrize(
    "names",
    [
        ["userId", "movieId", "rating", "timestamp"],
        ["reviewerID", "asin", "overall", "unixReviewTime"],
        ["TIME", "Stars", "Item ID", "user_id"],
        ["userID", "artistID", "weight"],
        ["uid", "iid", "cnt"],
    ],
)
def test_usual_names_are_found(names: list[str]) -> None:
    found = find_columns(["note", *names], Columns(), "t.csv")
    assert list(found) == list(USUAL_NAMES)[: len(names)]
    assert set(found.values()) == set(names)


def test_a_context_is_not_taken_for_another_role() -> None:
    found = find_columns(["user", "item", "rating", "time"], Columns(contexts=("time",)), "t.csv")
    assert found == {"user": "user", "item": "item", "time": "time", "rating": "rating"}


@pytest.mark.parametrize(
    ("names", "columns", "parts"),
    [
        (["user", "item", "x"], Columns(), ("no rating", "user, item, x", "--columns rating=")),
        (["user", "item", "stars"], Columns(rating="star"), ("'star'", "did you mean 'stars'")),
        (["user", "user", "item", "rating"], Columns(), ("'user'", "twice")),
        (["user", "item", "rating"], Columns(contexts=("city",)), ("'city'", "not there")),
    ],
)
def test_missing_columns_are_named(
    names: list[str], columns: Columns, parts: tuple[str, ...]
) -> None:
    with pytest.raises(NaspError) as caught:
        find_columns(names, columns, "t.csv")
    assert all(part in str(caught.value) for part in ("t.csv", *parts))
