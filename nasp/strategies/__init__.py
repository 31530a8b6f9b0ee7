"""The registry of strategies on shared weights. A new strategy is a file here and a line below."""

from typing import TYPE_CHECKING

from nasp.registry import Registry, lazy_exports

if TYPE_CHECKING:
    from nasp.strategies.base import Loss as Loss
    from nasp.strategies.base import Strategy as Strategy
    from nasp.strategies.gradient import GradientOptions as GradientOptions
    from nasp.strategies.gradient import GradientStrategy as GradientStrategy

ONE_SHOT: "Registry[type[Strategy]]" = Registry(
    {
        "nasp": "nasp.strategies.nasp:NASP",
        "darts": "nasp.strategies.darts:DARTS",
        "darts2": "nasp.strategies.darts:SecondOrderDARTS",
        "gdas": "nasp.strategies.gdas:GDAS",
        "enas": "nasp.strategies.enas:ENAS",
        "asng": "nasp.strategies.asng:ASNG",
        "snas": "nasp.strategies.snas:SNAS",
        "drnas": "nasp.strategies.drnas:DrNAS",
        "asap": "nasp.strategies.asap:ASAP",
        "pcdarts": "nasp.strategies.pcdarts:PCDARTS",
        "proxyless": "nasp.strategies.proxyless:Proxyless",
        "bayesnas": "nasp.strategies.bayesnas:BayesNAS",
        "single_level": "nasp.strategies.single_level:SingleLevel",
    }
)

__all__, __getattr__ = lazy_exports(
    __name__,
    """
    base: Loss Strategy
    gradient: GradientOptions GradientStrategy
    """,
)
