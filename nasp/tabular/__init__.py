"""Tables of measured architectures, in place of trainings. A new one is a file and a line here."""

from typing import TYPE_CHECKING

from nasp.registry import Registry, lazy_exports

if TYPE_CHECKING:
    from nasp.tabular.table import Measured as Measured
    from nasp.tabular.table import Problem as Problem
    from nasp.tabular.table import TableKind as TableKind

TABLES: "Registry[type[TableKind]]" = Registry(
    {
        "nasbench201": "nasp.tabular.nasbench201:NASBench201",
        "nasbench_macro": "nasp.tabular.nasbench_macro:NASBenchMacro",
        "sif_bench": "nasp.tabular.sif_bench:SIFBench",
    }
)

__all__, __getattr__ = lazy_exports(
    __name__,
    """
    table: Measured Problem TableKind
    """,
)
