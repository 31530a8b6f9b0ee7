"""A baseline of ratings: a trained multiple of the cosine between two embeddings, and biases."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from sif.baselines import BASELINES, Baseline
from sif.data.search_data import SearchData
from sif.options import SpaceOptions


class Cosine(Baseline):
    """`s · cos(u, v)` with a trained s, plus biases if the options have them."""

    least = most = 2

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        self.scale = nn.Parameter(torch.ones(()))

    def interact(self, embeddings: Tensor) -> Tensor:
        users, items = embeddings
        return self.scale * functional.cosine_similarity(users, items, dim=-1)


BASELINES.add("cosine", Cosine)
