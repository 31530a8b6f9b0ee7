"""The ids of a column that is read block by block."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from nasp.core.errors import NaspError
from sif.data.store import BLOCK, Spool

EXACT = 2**53  # whole numbers from here on are not exact as floats


class Vocabulary:
    """Numbers the ids of a column in the order of their first appearance.

    Args:
        place: The table and the column, for messages.
        text: The ids come from a text file, where `12` may be a number.
    """

    def __init__(self, place: str, text: bool) -> None:
        self.place, self.text = place, text
        self.known: pa.Array | None = None
        self.codes = Spool(np.int32)

    def append(self, ids: pd.Series) -> None:
        """Add a block of ids, none missing: numbers, times or strings."""
        codes, uniques = pd.factorize(ids)
        distinct = pa.array(uniques)
        if self.known is None:
            self.known, positions = distinct, np.arange(len(distinct))
        else:
            found = pc.index_in(distinct, self.known)
            fresh = found.is_null().to_numpy(zero_copy_only=False)
            positions = found.fill_null(-1).to_numpy(zero_copy_only=False).copy()
            positions[fresh] = len(self.known) + np.arange(fresh.sum())
            self.known = pa.concat_arrays([self.known, distinct.filter(pa.array(fresh))])
        self.codes.append(positions.astype(np.int32)[codes])

    def finish(self) -> tuple[pd.Index, np.ndarray]:
        """The ids, sorted, and the position of each row's.

        Returns:
            Ids, integers or strings, and int32 `(rows,)`.

        Raises:
            NaspError: The ids are numbers that are not exact.
        """
        codes = self.codes.finish()
        if self.known is None:
            return pd.Index([]), codes
        ids = self._typed(_inferred(self.known) if self.text else self.known.to_pandas())
        sorted_ids = pd.Index(ids.unique()).sort_values()
        positions = sorted_ids.get_indexer(pd.Index(ids)).astype(np.int32)
        for start in range(0, len(codes), BLOCK):
            block = codes[start : start + BLOCK]
            block[:] = positions[block]
        return sorted_ids, codes

    def _typed(self, ids: pd.Series) -> pd.Series:
        """Whole numbers as integers, all else as strings."""
        if isinstance(ids.dtype, pd.StringDtype):
            return ids.astype("str")
        values = ids.to_numpy()
        if values.dtype.kind == "f" and np.all(values == np.floor(values)):
            if np.any(np.abs(values) >= EXACT):
                raise NaspError(f"{self.place}: ids of 16 digits or more need text")
            values = values.astype(np.int64)
        return pd.Series(values) if values.dtype.kind in "iu" else pd.Series(values).astype("str")


def _inferred(ids: pa.Array) -> pd.Series:
    """What the ids of a text file are, by the parser's own rules for a column of them."""
    file = io.BytesIO()
    plain = arrow_csv.WriteOptions(include_header=False)
    arrow_csv.write_csv(pa.table({"id": ids}), file, plain)
    file.seek(0)
    table = arrow_csv.read_csv(
        file,
        arrow_csv.ReadOptions(column_names=["id"], use_threads=False),
        arrow_csv.ParseOptions(newlines_in_values=True),
        arrow_csv.ConvertOptions(null_values=[]),
    )
    return pd.Series(table["id"].to_pandas())
