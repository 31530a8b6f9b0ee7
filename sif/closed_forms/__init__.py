"""The registry of closed forms: rankers that are computed, not trained by steps; a file each."""

from typing import TYPE_CHECKING

from nasp.registry import Registry, lazy_exports

if TYPE_CHECKING:
    from sif.closed_forms.base import Bound as Bound
    from sif.closed_forms.base import ClosedForm as ClosedForm
    from sif.closed_forms.base import Ranker as Ranker

CLOSED_FORMS: "Registry[type[ClosedForm]]" = Registry(
    {
        "popularity": "sif.closed_forms.popularity:Popularity",
        "item_neighbours": "sif.closed_forms.neighbours:ItemNeighbours",
        "ease": "sif.closed_forms.ease:EASE",
        "implicit_als": "sif.closed_forms.als:ImplicitALS",
        "graph_filter": "sif.closed_forms.graph_filter:GraphFilter",
    }
)
"""`fit(pairs, options, generator)` makes one."""


__all__, __getattr__ = lazy_exports(
    __name__,
    """
    base: Bound ClosedForm Ranker
    """,
)
