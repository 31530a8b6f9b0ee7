"""Models that the found function is compared with, by name."""

from sif.baselines.base import Baseline
from sif.baselines.convncf import ConvNCF
from sif.baselines.deep import NCF, DeepWide
from sif.baselines.fixed import CP, MF, BiasedMF, Concat, Max, Min, Plus
from sif.baselines.lightgcn import LightGCN
from sif.baselines.machines import FM, HOFM
from sif.baselines.metric import CML
from sif.baselines.multilinear import Convolution, Outer, Tucker
from sif.baselines.svdpp import SVDpp

BASELINES: dict[str, type[Baseline]] = {
    "mf": MF,
    "biased_mf": BiasedMF,
    "plus": Plus,
    "max": Max,
    "min": Min,
    "concat": Concat,
    "convolution": Convolution,
    "outer": Outer,
    "convncf": ConvNCF,
    "deep_wide": DeepWide,
    "ncf": NCF,
    "fm": FM,
    "cml": CML,
    "svdpp": SVDpp,
    "lightgcn": LightGCN,
    "cp": CP,
    "tucker": Tucker,
    "hofm": HOFM,
}
"""Each is made of `(data, options, generator)`."""


def baselines_of(entities: int) -> list[str]:
    """Names of the baselines for ratings by so many entities."""
    return [name for name, model in BASELINES.items() if model.takes(entities)]


__all__ = ["BASELINES", "Baseline", "baselines_of"]
