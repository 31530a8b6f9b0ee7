"""SVD++: users are represented by their embeddings and by the items that they rated."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from sif.baselines.base import Baseline, product
from sif.data.search_data import SearchData
from sif.nn.graph import Propagation, distinct_pairs
from sif.options import SpaceOptions


class SVDpp(Baseline):
    """`μ + b_u + b_i + ⟨v, u + |N(u)|^-1/2 Σ_{j∈N(u)} y_j⟩` (Koren, 2008, eq. 15).

    N(u) are the items that the user rated in training, including the predicted one. Each batch
    computes the sums of all users by one sparse product, whose cost grows with the ratings.
    """

    least = most = 2
    biases = True

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        users, items = data.encoder.sizes
        user, item = distinct_pairs(data.train.rows)
        counts = torch.bincount(user, minlength=users).float()
        self.counts: Tensor
        self.register_buffer("counts", counts, persistent=False)
        self.rated = Propagation(user, item - users, counts[user].rsqrt(), (users, items))
        implicit = options.embedding_std * torch.randn(
            items, options.embedding_dim, generator=generator
        )
        self.implicit = nn.Parameter(implicit)

    def rate(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return predictions, and the penalised embeddings: user, item, and N(u).

        A rating has as many y_j as its user has items. The penalty depends only on their norm, so
        one vector of that norm stands for them.
        """
        looked_up = self.embeddings.look_up(rows)
        embeddings, bias = self.embeddings.parts(looked_up)
        squares = self.implicit.square().sum(1, keepdim=True)
        sums = self.rated(torch.cat([self.implicit, squares], dim=1)).index_select(0, rows[0])
        implicit, squares = torch.split(sums, [self.embeddings.dim, 1], dim=1)
        norm = (squares * self.counts[rows[0], None].sqrt()).clamp(min=1e-12).sqrt()
        user, item = embeddings
        rating = self.interact(torch.stack([user + implicit, item]))
        padded = pad(norm, (0, looked_up.shape[-1] - 1))
        assert bias is not None  # the model always has biases
        return rating + bias, torch.cat([looked_up, padded[None]])

    def interact(self, embeddings: Tensor) -> Tensor:
        return product(embeddings)
