"""`IdNumbering`, which collects the ids of a column block by block."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sif.data.ids import as_texts, plain_ids, read_ids, whole_numbers
from sif.data.store import BLOCK, Spool


class IdNumbering:
    """Numbers the ids of a column in the order of their first appearance.

    Args:
        place: The table and the column, for messages.
        text: Whether the ids come from a text file, where `12` may be a number.
    """

    def __init__(self, place: str, text: bool) -> None:
        self.place, self.text = place, text
        self.known: pa.Array | None = None
        self.codes = Spool(np.int32)

    def append(self, ids: pd.Series) -> None:
        """Add a block of ids without missing ones.

        Raises:
            NaspError: A value cannot be an id.
        """
        codes, uniques = pd.factorize(plain_ids(ids, self.place))
        distinct = pa.array(uniques)
        if self.known is not None and distinct.type != self.known.type:
            self.known, distinct = _alike(self.known, distinct)
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
        """Return the sorted ids, and the position of each row's id.

        Returns:
            Ids, integers or strings, and int32 `(rows,)`.

        Raises:
            NaspError: The ids are numbers that are too large to be exact.
        """
        codes = self.codes.finish()
        if self.known is None:
            return pd.Index([]), codes
        ids = read_ids(self.known) if self.text else self.known.to_pandas()
        ids = whole_numbers(pd.Series(ids), self.place)
        sorted_ids = pd.Index(ids.unique()).sort_values()
        positions = sorted_ids.get_indexer(pd.Index(ids)).astype(np.int32)
        for start in range(0, len(codes), BLOCK):
            block = codes[start : start + BLOCK]
            block[:] = positions[block]
        return sorted_ids, codes


def _alike(*blocks: pa.Array) -> list[pa.Array]:
    """Convert blocks of ids with different types to one type."""
    columns = [whole_numbers(pd.Series(ids.to_pandas())) for ids in blocks]
    if all(column.dtype.kind == "i" for column in columns):
        return [pa.array(column, pa.int64()) for column in columns]
    return [pa.array(as_texts(column)) for column in columns]
