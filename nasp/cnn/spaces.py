"""The candidate operations of each search space of CNN cells, by the operations' names."""

from nasp.errors import NaspError
from nasp.registry import Registry

DARTS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
SPACES = Registry[tuple[tuple[str, ...], tuple[str, ...]]](
    {
        "nasp": (
            (
                "skip_connect",
                "conv_3x1_1x3",
                "dil_conv_3x3",
                "conv_1x1",
                "conv_3x3",
                "sep_conv_3x3",
                "sep_conv_5x5",
                "sep_conv_7x7",
            ),
            ("skip_connect", "avg_pool_3x3", "max_pool_3x3", "max_pool_5x5", "max_pool_7x7"),
        ),
        "darts": (DARTS, DARTS),
        "darts_none": (("none", *DARTS), ("none", *DARTS)),
    }
)
"""Candidate operations of the normal and of the reduction cell, by the name of the space."""

NASBENCH201 = "nasbench201"
EDGE_OPERATIONS = ("none", "skip_connect", "conv_1x1", "conv_3x3", "avg_pool_3x3")
"""The space of NAS-Bench-201's cell, which has no reduction cell, and the candidates of an edge."""


def check_partial_channels(share: int, channels: int) -> None:
    """Check that one of `share` channels of a search network can pass the candidates.

    Raises:
        NaspError: The channels of the first cell cannot be split so.
    """
    if channels % share:
        raise NaspError(
            f"partial_channels is {share}; it must divide channels, which is {channels}"
        )
