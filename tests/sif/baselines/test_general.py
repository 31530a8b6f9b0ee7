"""The general MLP is the chain of its layers, for any number of layers."""

import pytest
import torch

from sif.baselines.general import DECISIONS, GeneralMLP
from sif.options import TrainOptions
from sif.testing import small_data


@pytest.mark.parametrize("widths", [(), (4,), (16, 2, 8)])
@pytest.mark.parametrize("entities", [2, 3])
def test_a_rating_is_the_chain_of_layers(widths: tuple[int, ...], entities: int) -> None:
    generator = torch.Generator().manual_seed(0)
    model = GeneralMLP(small_data(entities), TrainOptions(embedding_dim=4), generator, widths)
    embeddings = torch.randn(entities, 7, 4, generator=generator)
    x = torch.cat(embeddings.unbind(), 1)
    linear = [m for m in model.deep.modules() if isinstance(m, torch.nn.Linear)]
    assert [m.out_features for m in linear] == [*widths, 1]
    for position, m in enumerate(linear):
        x = x @ m.weight.T + m.bias
        x = x.relu() if position < len(widths) else x
    assert torch.allclose(model.interact(embeddings), x[:, 0], atol=1e-6)


def test_layers_of_every_width_can_be_left_out() -> None:
    assert [d.operations for d in DECISIONS] == [("0", "2", "4", "8", "16")] * 5
