"""Rating data: reading of many formats, checks, splits and encoding."""

from sif.data.check import check_frame
from sif.data.columns import Columns, find_columns, parse_columns
from sif.data.encode import Encoder
from sif.data.features import Features
from sif.data.frames import as_column, as_frame
from sif.data.ids import align_id_types, find_ids, report_unknown_ids, report_unseen_ids
from sif.data.layout import Reading
from sif.data.locate import load_ratings, locate_ratings
from sif.data.split import Splits, given_splits, split_ratings
from sif.data.store import Table
from sif.data.synthetic import Synthetic, synthetic
from sif.data.table import read_table
from sif.data.task_data import TaskData, TaskName
from sif.data.time_bins import TimeBins

__all__ = [
    "Columns",
    "Encoder",
    "Features",
    "Reading",
    "Splits",
    "Synthetic",
    "Table",
    "TaskData",
    "TaskName",
    "TimeBins",
    "align_id_types",
    "as_column",
    "as_frame",
    "check_frame",
    "find_columns",
    "find_ids",
    "given_splits",
    "load_ratings",
    "locate_ratings",
    "parse_columns",
    "read_table",
    "report_unknown_ids",
    "report_unseen_ids",
    "split_ratings",
    "synthetic",
]
