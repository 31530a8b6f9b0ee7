"""The registry of samplers. A new sampler is a file here and a line below."""

from typing import TYPE_CHECKING

from nasp.registry import Registry, lazy_exports

if TYPE_CHECKING:
    from nasp.samplers.base import Proposal as Proposal
    from nasp.samplers.base import Sampler as Sampler
    from nasp.samplers.trial import Trial as Trial

SAMPLERS: "Registry[type[Sampler]]" = Registry(
    {
        "random": "nasp.samplers.random:Random",
        "exhaustive": "nasp.samplers.exhaustive:Exhaustive",
        "reinforce": "nasp.samplers.reinforce:Reinforce",
        "tpe": "nasp.samplers.tpe:TPE",
        "evolution": "nasp.samplers.evolution:Evolution",
        "amoebanet": "nasp.samplers.amoebanet:AmoebaNet",
        "nasnet": "nasp.samplers.nasnet:NASNet",
        "pnas": "nasp.samplers.pnas:PNAS",
        "nao": "nasp.samplers.nao:NAO",
        "gaussian_process": "nasp.samplers.gaussian_process:GaussianProcess",
    }
)

__all__, __getattr__ = lazy_exports(
    __name__,
    """
    base: Proposal Sampler
    trial: Trial
    """,
)
