"""Ratings in, whatever their format: read, checked, split and encoded."""

from sif.data.check import check_frame
from sif.data.columns import Columns, find_columns, parse_columns
from sif.data.encode import Encoder
from sif.data.fetch import load, locate
from sif.data.frames import as_column, as_frame
from sif.data.ids import check_known, check_same_ids, find_ids, same_types
from sif.data.layout import Reading
from sif.data.split import Splits, given, split
from sif.data.store import Table
from sif.data.synthetic import Synthetic, synthetic
from sif.data.table import read_table

__all__ = [
    "Columns",
    "Encoder",
    "Reading",
    "Splits",
    "Synthetic",
    "Table",
    "as_column",
    "as_frame",
    "check_frame",
    "check_known",
    "check_same_ids",
    "find_columns",
    "find_ids",
    "given",
    "load",
    "locate",
    "parse_columns",
    "read_table",
    "same_types",
    "split",
    "synthetic",
]
