"""Tables in binary files: parquet, Arrow's formats, scipy's sparse matrices."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as parquet
import scipy.sparse

from nasp.errors import NaspError
from sif.data.layout import Choose, Layout

BATCH = 1 << 20  # rows of a file that are read at once

Open = Callable[[], IO[bytes]]


def read_parquet(open_file: Open, source: str, choose: Choose) -> Iterator[pd.DataFrame]:
    """Yield blocks of rows, indexed by `row` from 0; see `read_raw`."""
    with open_file() as stream:
        file = parquet.ParquetFile(pa.PythonFile(stream, mode="r"))
        wanted = list(choose(Layout(file.schema_arrow.names)))
        yield from _frames(file.iter_batches(BATCH, columns=wanted), source)


def read_arrow(open_file: Open, source: str, choose: Choose) -> Iterator[pd.DataFrame]:
    """Read a file of Arrow's random-access format (feather) or of its stream format."""
    with open_file() as stream:
        random_access = stream.read(6) == b"ARROW1"
        stream.seek(0)
        file = pa.PythonFile(stream, mode="r")
        if random_access:
            reader = pa.ipc.open_file(file)
            batches = (reader.get_batch(n) for n in range(reader.num_record_batches))
        else:
            batches = reader = pa.ipc.open_stream(file)
        wanted = list(choose(Layout(reader.schema.names)))
        yield from _frames((batch.select(wanted) for batch in batches), source)


def read_matrix(path: Path, choose: Choose) -> Iterator[pd.DataFrame]:
    """Read a users × items matrix of `scipy.sparse.save_npz` as one block; ids count from 0.

    Raises:
        ValueError: The file is another kind of npz, or its indices are out of range.
    """
    matrix = scipy.sparse.load_npz(path)  # it refuses pickled objects
    if hasattr(matrix, "check_format"):
        matrix.check_format(full_check=True)
    entries = matrix.tocoo()
    columns = {"user": entries.row, "item": entries.col, "rating": entries.data}
    note = "a matrix: rows are users, columns are items"
    wanted = list(choose(Layout(list(columns), note=note)))
    frame = pd.DataFrame(columns)[wanted]
    yield frame.set_axis(pd.RangeIndex(len(frame), name="row"))


def _frames(batches: Iterable[pa.RecordBatch], source: str) -> Iterator[pd.DataFrame]:
    start = 0
    for batch in batches:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            try:
                column.validate(full=True)
            except pa.ArrowInvalid as error:
                reason = str(error).splitlines()[0]
                raise NaspError(f"{source}, column {name}: {reason}; write it again") from error
        rows = pd.RangeIndex(start, start + len(batch), name="row")
        start += len(batch)
        yield pa.Table.from_batches([batch]).to_pandas(ignore_metadata=True).set_axis(rows)
