"""The average of the predictions of several networks."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from nasp.core.genotype import Genotype
from sif.nn.space import InteractionSpace
from sif.posterior.model import PosteriorAverage

NETWORKS = "networks"
Single = InteractionSpace | PosteriorAverage
"""A network with one set of weights, or samples of all weights of a multilinear function."""


class NetworkAverage(nn.Module):
    """Predicts by a weighted mean over networks: samples of one genotype, or different models.

    Args:
        genotypes: The genotype of each network.
        networks: The networks, for the same ids.
        weights: The weight of each, positive; None for equal ones.
    """

    def __init__(
        self,
        genotypes: Sequence[Genotype],
        networks: Sequence[Single],
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.genotypes = tuple(genotypes)
        self.weights = tuple(weights or [1.0] * len(networks))
        self.networks = nn.ModuleList(networks)

    def members(self) -> list[tuple[Genotype, Single, float]]:
        """Return the genotype, the network and the weight of each member."""
        return list(zip(self.genotypes, self.networks, self.weights, strict=True))  # type: ignore[arg-type]

    def predictor(self) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Return a function of rows `(entities, ratings)`, see `PosteriorAverage.forward`.

        It returns the mean and the standard deviation over members, and over the samples of each,
        of standardised predictions, two tensors `(ratings,)`.
        """
        rates = [network.predictor() for _, network, _ in self.members()]

        def rate(rows: Tensor) -> tuple[Tensor, Tensor]:
            mean = torch.zeros(rows.shape[1], dtype=torch.float64)
            squares = torch.zeros_like(mean)
            for (_, network, weight), each in zip(self.members(), rates, strict=True):
                share = weight / sum(self.weights)
                if isinstance(network, PosteriorAverage):
                    found, spread = each(rows)
                    squares += share * spread.double().cpu().square()
                else:  # it knows no sessions, whose row is the last one
                    found, _ = each(rows[: len(network.embeddings.sizes)])
                found = found.detach().double().cpu()
                mean += share * found
                squares += share * found.square()
            deviation = (squares - mean.square()).clamp_(min=0).sqrt()
            return mean.float().to(rows.device), deviation.float().to(rows.device)

        return rate

    def encodings(self) -> list[Tensor]:
        """Return the encodings of each entity's ids, `(ids, width)`.

        They are the mean over samples, or those of the first of several models.
        """
        of_first = [n for g, n, _ in self.members() if g == self.genotypes[0]]
        if any(isinstance(network, PosteriorAverage) for network in of_first):
            of_first = of_first[:1]
        parts = zip(*(network.encodings() for network in of_first), strict=True)
        return [torch.stack(part).mean(0) for part in parts]

    def size(self) -> int:
        """Number of parameters of all members."""
        return sum(network.size() for _, network, _ in self.members())


def is_average(state: Mapping[str, Tensor]) -> bool:
    """Whether a state is that of a `NetworkAverage`."""
    return any(key.startswith(f"{NETWORKS}.") for key in state)


def states_of(state: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """Return the state of each network of a `NetworkAverage`, or a network's own state."""
    if not is_average(state):
        return [dict(state)]
    found: dict[str, dict[str, Tensor]] = {}
    for key, values in state.items():
        _, number, name = key.split(".", 2)
        found.setdefault(number, {})[name] = values
    return list(found.values())
