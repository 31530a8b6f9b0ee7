"""Known models as genotypes of the interaction space, by name."""

from collections.abc import Collection, Iterable

from nasp.core import lookup
from nasp.core.genotype import Genotype
from sif.nn.space import DECISION, InteractionSpace, name_of


def _product_of(encoder: str) -> Genotype:
    return Genotype(InteractionSpace.name, {DECISION: ((encoder, "multiply"),)})


BIASES = Genotype(InteractionSpace.name, {DECISION: ()})
"""The sum of the global mean and of a damped bias of each id, see `sif.data.biases`."""
ZOO: dict[str, Genotype] = {
    "biases": BIASES,
    "biased_mf": _product_of("id"),  # Koren, Bell and Volinsky 2009, eq. 4
    "svdpp_shared": _product_of("history"),  # SVD++ (Koren 2008, eq. 15) with one table of factors
    "lightgcn": _product_of("graph3"),  # He et al., SIGIR 2020
}


def find_genotype(name_or_path: str) -> Genotype:
    """Return the genotype that an option names: in `ZOO`, a genotype.json or a run's folder.

    Raises:
        NaspError: No genotype is found.
    """
    # The task refuses a genotype of another space.
    return lookup.find_genotype(name_or_path, ZOO, lambda genotype: genotype)


def title_of(genotype: Genotype) -> str:
    """Return the name of a genotype's interaction, with that of the known model that it is."""
    for name, known in ZOO.items():
        if known == genotype:
            return name if known is BIASES else f"{name_of(genotype)} ({name})"
    return name_of(genotype)


def training_name(origin: str, genotype: Genotype) -> str:
    """Return the name of a training of a known model, or of what a search or a trial found."""
    return origin if origin in ZOO else f"{name_of(genotype)} of {origin}"


def known_within(names: Iterable[str], encoders: Collection[str]) -> dict[str, Genotype]:
    """Return known models by name, without those that have another encoder."""
    return {
        name: ZOO[name]
        for name in names
        if all(encoder in encoders for encoder, _ in ZOO[name].choices[DECISION])
    }
