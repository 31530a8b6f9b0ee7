"""The activations."""

import pytest
import torch

from nasp.rnn.operations import OPERATIONS, value


@pytest.mark.parametrize("name", OPERATIONS)
def test_values_outside_of_autograd_are_the_same(name: str) -> None:
    z = torch.linspace(-30, 30, 2001, dtype=torch.float64)
    torch.testing.assert_close(value(name, z), OPERATIONS[name](z), rtol=0, atol=1e-15)
    assert torch.equal(z, torch.linspace(-30, 30, 2001, dtype=torch.float64))
