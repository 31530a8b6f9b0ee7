"""Guesses about columns, headers, times and repeats are reported and correct."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nasp.errors import NaspError
from sif.data import Reading, Table, load_ratings, parse_columns, read_table

ROWS = [(u, i, 1 + (u + i) % 5) for u in range(3) for i in range(4)]


def lines(rows: list[tuple[object, ...]], header: str | None = None) -> str:
    return "\n".join([*([header] if header else []), *(",".join(map(str, row)) for row in rows)])


def read(folder: Path, content: str, columns: str | None = None, timed: bool = False,
         **reading: object) -> tuple[Table, str]:  # fmt: skip
    path = folder / "a.csv"
    path.write_text(content)
    said: list[str] = []
    options = Reading(**reading)  # type: ignore[arg-type]
    table = read_table(path, parse_columns(columns), reading=options, timed=timed, say=said.append)
    return table, said[0]


def fault(folder: Path, content: str, columns: str | None = None, timed: bool = False) -> str:
    with pytest.raises(NaspError) as caught:
        read(folder, content, columns, timed)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_line(tmp_path: Path) -> None:
    rows = [(f"{u}x", "spring", i, r, "") for u, i, r in ROWS]
    content = lines(rows, "uid,season,isbn,stars,note")
    assert read(tmp_path, content)[1] == (
        "a.csv: 12 ratings, 3 users, 4 items, ratings 1–5; user=uid item=isbn rating=stars; "
        "not used: season, note"
    )
    assert read(tmp_path, lines(ROWS))[1] == (
        "a.csv: 12 ratings, 3 users, 4 items, ratings 1–5; user=1 item=2 rating=3; no header"
    )


def test_a_data_set_is_described_too(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASP_DATA", str(data_dir))
    said: list[str] = []
    load_ratings("movielens", say=said.append)
    assert said == [
        "u.data: 100,000 ratings, 943 users, 1,682 items, ratings 1–5; "
        "user=1 item=2 rating=3 timestamp=4 (seconds); no header"
    ]


def test_a_header_with_a_number_in_it(tmp_path: Path) -> None:
    content = lines(ROWS, "user,item,2019")
    assert "no rating column among its columns: user, item, 2019" in fault(tmp_path, content)
    for name in ("2019", "3"):
        table, line = read(tmp_path, content, f"rating={name}")
        assert len(table) == 12
        assert "rating=2019; the first line is a header" in line


def test_a_header_by_option(tmp_path: Path) -> None:
    content = lines(ROWS, "9,8,1.5")
    assert read(tmp_path, content)[0].ratings.tolist()[0] == 1.5
    table, line = read(tmp_path, content, "user=9,item=8,rating=1.5", header=True)
    assert len(table) == 12
    assert "user=9 item=8 rating=1.5" in line
    with pytest.raises(NaspError, match="line 1, column 3: 'rating' is not a number"):
        read(tmp_path, lines(ROWS, "user,item,rating"), header=False)


@pytest.mark.parametrize(
    ("columns", "taken"),
    [
        ("user=2,item=1,rating=3", "user=2 item=1 rating=3; not used: 4"),
        ("user=2", "user=2 item=1 rating=3 timestamp=4"),
        ("rating=1", "user=2 item=3 rating=1 timestamp=4"),
        ("context=4", "user=1 item=2 context=4 rating=3"),
    ],
)
def test_columns_by_number(tmp_path: Path, columns: str, taken: str) -> None:
    rows = [(n, *row) for n, row in enumerate(ROWS)]
    line = read(tmp_path, lines(rows), columns)[1]
    assert f"; {taken}; no header" in line


def test_numbers_name_columns_of_a_header(tmp_path: Path) -> None:
    table, line = read(tmp_path, lines(ROWS, "a,b,c"), "user=2,item=1,rating=3")
    assert [len(ids) for ids in table.ids] == [4, 3]
    assert "user=b item=a rating=c" in line
    assert "'4' is not there" in fault(tmp_path, lines(ROWS, "a,b,c"), "user=4,item=1,rating=3")
    assert "two roles" in fault(tmp_path, lines(ROWS, "a,b,c"), "user=a,item=1,rating=3")


def test_names_that_pandas_gave_are_in_doubt(tmp_path: Path) -> None:
    rows = [*ROWS[:1], *ROWS[2:]]
    table, line = read(tmp_path, lines(rows, "0,1,2"))
    assert len(table) == 12
    assert "line 1 (0, 1, 2) is taken for a rating: --header yes if it is a header" in line
    assert len(read(tmp_path, lines(rows, "0,1,2"), "user=1,item=2,rating=3", header=True)[0]) == 11


def test_ratings_that_are_plainly_elsewhere(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = [(random.integers(1, 6), user, random.integers(900)) for user in range(300)]
    message = fault(tmp_path, lines(rows))
    assert "column 1 looks like the ratings (5 values)" in message
    assert "--columns user=2,item=3,rating=1" in message
    assert len(read(tmp_path, lines(rows), "user=2,item=3,rating=1")[0]) == 300


@pytest.mark.parametrize("header", [None, "user,1,2,3,4,5,6", ",a,b,c,d,e,f,g,h,i"])
def test_a_matrix_is_refused(tmp_path: Path, header: str | None) -> None:
    width = header.count(",") + 1 if header else 5
    message = fault(tmp_path, lines([(user, *[3] * (width - 1)) for user in range(12)], header))
    assert "melt" in message
    assert "--columns" in message


def dated(dates: list[object]) -> str:
    rows = [(*row, date) for row, date in zip(ROWS, dates, strict=True)]
    return lines(rows, "user,item,rating,date")


Date = Callable[[int], object]


@pytest.mark.parametrize(
    ("date", "said"),
    [
        (lambda n: f"{n + 8}/01/2019", "dates %d/%m/%Y"),
        (lambda n: f"1/{n + 8}/2019", "dates %m/%d/%Y"),
        (lambda n: f"0{1 + n // 2}/0{1 + n % 2}/2019", "dates %m/%d/%Y, a guess"),
        (lambda n: f"1/{n + 8}/2019 5:03 PM", "dates %m/%d/%Y %I:%M %p"),
        (lambda n: f"{n + 8}.01.2019 17:03", "dates %d.%m.%Y %H:%M"),
        (lambda n: f'"05 {n + 8}, 2014"', "dates %m %d, %Y"),
        (lambda n: f"Tue Apr {n + 10} 18:00:09 +0000 2012", "dates %a %b %d %H:%M:%S %z %Y"),
        (lambda n: f"2020-01-{n + 10}T03:04:05Z", "dates"),
        (lambda n: 1_500_000_000 + n, "seconds"),
        (lambda n: 1_500_000_000_000 + n, "milliseconds"),
    ],
)
def test_times_are_found(tmp_path: Path, date: Date, said: str) -> None:
    table, line = read(tmp_path, dated([date(n) for n in range(12)]))
    assert table.moments is not None
    assert (np.diff(table.moments) > 0).all()
    assert f"timestamp=date ({said})" in line


@pytest.mark.parametrize(
    ("date", "bad", "reason"),
    [
        (lambda n: f"2020-01-{n + 10}", "yesterday", "neither a number nor a date"),
        (lambda n: f"1/{n + 8}/2019", "31/1/2019", "of the form %m/%d/%Y, as other times are"),
        (lambda n: 1_500_000_000 + n, "", "an empty field"),
        (lambda n: 1_500_000_000 + n, "2020-01-01", "neither a number, as other times are"),
        (lambda n: 1_500_000_000 + n, 1_500_000_000_000, "milliseconds, other times like seconds"),
    ],
)
def test_a_bad_time_is_told(tmp_path: Path, date: Date, bad: object, reason: str) -> None:
    dates = [date(n) for n in range(12)]
    dates[7] = bad
    table, line = read(tmp_path, dated(dates))
    assert table.times is None
    assert "not used: date" in line
    assert "no times: line 9, column date: " in line
    assert reason in line
    for columns, timed in (("timestamp=date", False), (None, True)):
        message = fault(tmp_path, dated(dates), columns, timed)
        assert "line 9, column date: " in message
        assert reason in message


def test_a_column_of_something_else_is_not_used(tmp_path: Path) -> None:
    assert read(tmp_path, dated(["morning"] * 12))[1].endswith("; not used: date")
    assert "line 2, column date" in fault(tmp_path, dated(["morning"] * 12), timed=True)


@pytest.mark.parametrize(
    ("repeats", "rating"),
    [("last", 4.0), ("first", 9.0), ("mean", 16 / 3), ("sum", 16.0), ("max", 9.0)],
)
def test_repeats(tmp_path: Path, repeats: str, rating: float) -> None:
    rows = [*((*row, 100) for row in ROWS if row[:2] != (1, 2)), *((1, 2, r, t) for r, t in (
        (3, 50), (4, 70), (9, 20)))]  # fmt: skip
    table, line = read(tmp_path, lines(rows, "user,item,rating,timestamp"), repeats=repeats)
    ratings = table.frame().set_index(["user", "item"])["rating"]
    assert ratings[1, 2] == pytest.approx(rating)
    assert ratings.drop((1, 2)).tolist() == [r for u, i, r in ROWS if (u, i) != (1, 2)]
    assert "2 of 14 rows rate the same user and item again; " in line


def test_counts_are_summed_before_the_logarithm(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(lines([*ROWS, *ROWS], "user,item,rating"))
    with pytest.warns(UserWarning, match="their sum is kept"):
        table = read_table(tmp_path / "a.csv", None, "log", Reading(repeats="sum"))
    assert np.allclose(table.ratings, np.log1p([2 * r for *_, r in ROWS]))


def test_values_that_are_no_ratings(tmp_path: Path) -> None:
    rows = [*ROWS, (7, 1, 0), (1, 9, -1), (8, 8, 0)]
    table, line = read(tmp_path, lines(rows), drop_ratings=(0.0, -1.0))
    pd.testing.assert_frame_equal(table.frame(), read(tmp_path, lines(ROWS))[0].frame())
    assert "3 ratings of 0 or -1 dropped" in line
    with pytest.raises(NaspError, match=r"holds no ratings \(12 ratings of 1 or .* dropped\)"):
        read(tmp_path, lines(ROWS), drop_ratings=(1, 2, 3, 4, 5))
