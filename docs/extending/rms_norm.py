"""An activation of recurrent cells: units divided by their root mean square."""

from torch import Tensor

from nasp.rnn.operations import OPERATIONS


def rms_norm(z: Tensor) -> Tensor:
    """Normalise `(..., units)` to the same shape."""
    return z * (z.square().mean(-1, keepdim=True) + 1e-6).rsqrt()


OPERATIONS.add("rms_norm", rms_norm)
