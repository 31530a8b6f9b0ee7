"""Tables without ratings, the task of a table, and rows as a task needs them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nasp.errors import NaspError
from sif.config import DataOptions
from sif.data import Reading, Table, TaskData, parse_columns, read_table
from sif.data.task_data import as_clicks, find_task, positives


def frame(values: list[float]) -> pd.DataFrame:
    """Sixty rows of 10 users and 6 items, with the given values in turn."""
    user, item = np.divmod(np.arange(60), 6)
    return pd.DataFrame({"user": user, "item": item, "rating": np.resize(values, 60)})


def table(values: list[float]) -> Table:
    return Table.from_frame(frame(values))


def write(folder: Path, values: list[float], name: str = "a.csv") -> Path:
    frame(values).to_csv(folder / name, index=False)
    return folder / name


def load(path: Path, **options: object) -> tuple[TaskData, list[str]]:
    said: list[str] = []
    chosen = DataOptions(data=str(path), **options)  # type: ignore[arg-type]
    return chosen.task_data(1, said.append), said


def fault(path: Path, **options: object) -> str:
    with pytest.raises(NaspError) as caught:
        load(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        ("uid,isbn,ratng", "user=uid item=isbn; not used: ratng"),
        ("uid:token\tisbn:token\tratng:float", "user=uid item=isbn; not used: ratng"),
    ],
)
def test_a_table_without_ratings_has_pairs(tmp_path: Path, names: str, taken: str) -> None:
    delimiter = "\t" if "\t" in names else ","
    rows = [delimiter.join(map(str, row)) for row in frame([3, 4]).itertuples(index=False)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([names, *rows]))
    said: list[str] = []
    read = read_table(path, pairs=True, say=said.append)
    assert read.ratings.tolist() == [1.0] * 60
    assert said == [
        "a.csv: 60 pairs, 10 users, 6 items; no ratings, so all values are 1 (--columns "
        f"rating=NAME names a column of ratings); {taken}"
    ]
    with pytest.raises(NaspError, match="no rating column among its columns: uid, isbn, ratng"):
        read_table(path)


def test_two_columns_without_a_header_are_pairs(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"{u} {i}\n" for u, i, _ in frame([1]).itertuples(index=False)))
    assert len(read_table(path, pairs=True, say=print)) == 60
    times = tmp_path / "times.csv"
    rows = frame([1]).assign(item=range(60), rating=1_500_000_001 + 2 * np.arange(60))
    rows.to_csv(times, index=False, header=False)
    with pytest.raises(NaspError, match=r"line 1, column 3: .*--columns timestamp=3"):
        read_table(times, pairs=True)
    read = read_table(times, parse_columns("timestamp=3"), pairs=True, say=print)
    assert read.moments is not None
    assert set(read.ratings) == {1.0}


def test_repeated_pairs_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    pd.concat([frame([1])] * 2).drop(columns="rating").to_csv(path, index=False)
    said: list[str] = []
    read = read_table(path, reading=Reading(repeats="sum"), pairs=True, say=said.append)
    assert read.ratings.tolist() == [2.0] * 60
    assert "60 of 120 rows name the same user and item again; their sum is kept" in said[0]


def test_equal_ratings_are_allowed_where_they_are_pairs(tmp_path: Path) -> None:
    path = write(tmp_path, [4])
    with pytest.raises(NaspError, match="all ratings are 4; there is nothing to learn"):
        read_table(path)
    said: list[str] = []
    assert set(read_table(path, pairs=True, say=said.append).ratings) == {4.0}
    assert "6 items, all ratings 4; user=user" in said[0]


@pytest.mark.parametrize(
    ("values", "task", "why"),
    [
        ([1, 2, 3], "rating", "several values"),
        ([-1, 1, 1], "click", "two values, -1 and 1 (positive)"),
        ([1, 5], "click", "two values, 1 and 5 (positive)"),
        ([7], "ranking", "one value"),
    ],
)
def test_the_task_is_found_and_said(
    tmp_path: Path, values: list[float], task: str, why: str
) -> None:
    assert find_task(table(values))[0] == task
    data, said = load(write(tmp_path, values))
    assert data.task == task
    assert said[1].startswith(f"task {task}: ")
    assert why in said[1]
    assert said[1].endswith("; --task names another")


def test_the_task_can_be_given(tmp_path: Path) -> None:
    for values in ([1.0, 2.0, 3.0], [0.0, 1.0]):
        data, said = load(write(tmp_path, values), task="ranking")
        assert data.task == "ranking"
        assert said[1] == "task ranking: as given"
    assert load(write(tmp_path, [1, 2]), task="rating")[0].task == "rating"


def test_a_rating_task_needs_ratings(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    frame([1, 2, 3]).rename(columns={"rating": "ratng"}).to_csv(path, index=False)
    for options in ({"task": "rating"}, {"positive_from": 2}):
        assert "no rating column among its columns: user, item, ratng" in fault(path, **options)
    assert "all ratings are 2" in fault(write(tmp_path, [2], "b.csv"), task="rating")


def test_positives_are_rows_from_a_value_on(tmp_path: Path) -> None:
    path = write(tmp_path, [1, 2, 3, 4, 5])
    data, said = load(path, positive_from=4)
    assert data.task == "ranking"
    assert sum(len(part) for part in _parts(data)) == 24
    assert min(part.ratings.min() for part in _parts(data)) == 4
    assert said[1:] == [
        "task ranking: positive_from is given",
        f"{path}: 36 rows with ratings below 4 left out",
    ]
    assert f"{path}: no row has a rating of 6 or more" in fault(path, positive_from=6)
    assert "positive_from is for the task ranking, not click" in fault(
        path, positive_from=4, task="click"
    )


def test_the_bound_of_positives_is_in_units_of_the_file() -> None:
    counts = Table.from_frame(frame([1, 9, 99]))
    logs = Table(counts.columns, counts.ids, counts.codes, np.log1p(counts.values), transform="log")
    assert len(positives(logs, 9, "a.csv")) == 40


@pytest.mark.parametrize("values", [[1, -1], [0, 1], [5, 1]])
def test_clicks_are_one_and_zero(tmp_path: Path, values: list[float]) -> None:
    path = write(tmp_path, values)
    data, _ = load(path, task="click")
    for part in _parts(data):
        read = part.frame()
        positive = frame(values).set_index(["user", "item"])["rating"] == max(values)
        expected = positive.loc[list(zip(read["user"], read["item"], strict=True))]
        assert read["rating"].tolist() == expected.astype(float).tolist()


def test_clicks_of_several_tables_share_their_values() -> None:
    train, test = as_clicks([table([1]), table([-1, 1])])
    assert set(train.ratings) == {1.0}
    assert set(test.ratings) == {0.0, 1.0}
    (only,) = as_clicks([table([4])], drawn=True)
    assert set(only.ratings) == {1.0}


def test_values_that_are_no_clicks(tmp_path: Path) -> None:
    path = write(tmp_path, [1, 2, 3, 4])
    assert "there are several, 1, 2, 3 for example: give --task rating" in fault(path, task="click")
    assert "--task ranking" in fault(write(tmp_path, [1]), task="click")


def test_ranking_is_split_by_user(tmp_path: Path) -> None:
    data, _ = load(write(tmp_path, [1]))
    for part, count in zip(_parts(data), (3, 1, 2), strict=True):
        assert np.bincount(part.code(0)).tolist() == [count] * 10
    data, _ = load(write(tmp_path, [1]), split="last")
    assert [len(part) for part in _parts(data)] == [40, 10, 10]
    rating, _ = load(write(tmp_path, [1, 2, 3]))
    assert len(set(np.bincount(rating.splits.train.code(0)))) > 1


def test_items_unknown_in_training_are_told(tmp_path: Path) -> None:
    test = frame([1])[:12].assign(item=np.arange(12) % 8)
    test.to_csv(tmp_path / "test.csv", index=False)
    path = write(tmp_path, [1])
    with pytest.warns(UserWarning) as warned:
        said = load(path, test_data=tmp_path / "test.csv")[1]
    assert len(said) == 3
    assert "test ratings, column item: 2 of 8 ids are not known, 6" in str(warned[-1].message)
    both = pd.concat([frame([1]), pd.DataFrame({"user": [3, 4], "item": [7, 8], "rating": [1, 1]})])
    both.assign(timestamp=range(62)).to_csv(path, index=False)
    said = load(path, split="last")[1]
    assert said[2:] == [
        "validation: 1 of 2 ids of item are not in training",
        "test: 3 of 3 ids of item are not in training",
    ]


def _parts(data: TaskData) -> tuple[Table, Table, Table]:
    return data.splits.train, data.splits.valid, data.splits.test
