"""The registries of baselines: fixed models that are no members of the search space."""

from typing import TYPE_CHECKING

from nasp.registry import Registry, lazy_exports

if TYPE_CHECKING:
    from sif.baselines.base import Baseline as Baseline
    from sif.baselines.clicks import ClickBaseline as ClickBaseline

BASELINES: "Registry[type[Baseline]]" = Registry(
    {
        "mf": "sif.baselines.products:MF",
        "convolution": "sif.baselines.multilinear:Convolution",
        "outer": "sif.baselines.multilinear:Outer",
        "convncf": "sif.baselines.convncf:ConvNCF",
        "deep_wide": "sif.baselines.deep:DeepWide",
        "ncf": "sif.baselines.deep:NCF",
        "fm": "sif.baselines.machines:FM",
        "cml": "sif.baselines.metric_learning:CML",
        "svdpp": "sif.baselines.svdpp:SVDpp",
        "cp": "sif.baselines.products:CP",
        "tucker": "sif.baselines.multilinear:Tucker",
        "hofm": "sif.baselines.machines:HOFM",
    }
)
"""Each is made of `(data, options, generator)`."""

CLICK_BASELINES: "Registry[type[ClickBaseline]]" = Registry(
    {
        "dcnv2": "sif.baselines.clicks:DCNv2",
        "finalmlp": "sif.baselines.clicks:FinalMLP",
    }
)
"""Models of clicks, no members of the space; each is made of `(sizes, options, generator)`."""


def baselines_of(entities: int) -> list[str]:
    """Return the names of the baselines for ratings with this number of entities."""
    return [name for name, model in BASELINES.items() if model.takes(entities)]


__all__, __getattr__ = lazy_exports(
    __name__,
    """
    base: Baseline
    clicks: ClickBaseline
    """,
)
