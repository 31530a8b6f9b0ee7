"""Collaborative metric learning as a regression of ratings."""

from math import sqrt

import torch
from torch import Tensor, nn

from sif.baselines.base import Baseline, into_ball
from sif.data.search_data import SearchData
from sif.options import SpaceOptions


class CML(Baseline):
    """Negative distance: `c − ‖u − v‖² / √dim` with ‖u‖, ‖v‖ <= 1 (Hsieh et al., 2017, §3).

    The paper ranks items by the distance; a rating also needs the constant c. The distance is
    divided by √dim, for the same reason as in `product`.
    """

    most = 2

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        self.constant = nn.Parameter(torch.zeros(()))

    def interact(self, embeddings: Tensor) -> Tensor:
        user, item = embeddings
        distance = (user - item).square().sum(-1) / sqrt(self.embeddings.dim)
        return torch.sub(self.constant, distance)

    def constrain(self) -> None:
        into_ball(self.embeddings.table[:, : self.embeddings.dim])
