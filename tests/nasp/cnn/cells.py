"""Cells for the tests of networks."""

from nasp.cnn.genotype import from_darts

# Published cells as in the authors' code: tuples of (operation, state).
DARTS_V2 = from_darts(
    [
        ("sep_conv_3x3", 0),
        ("sep_conv_3x3", 1),
        ("sep_conv_3x3", 0),
        ("sep_conv_3x3", 1),
        ("sep_conv_3x3", 1),
        ("skip_connect", 0),
        ("skip_connect", 0),
        ("dil_conv_3x3", 2),
    ],
    range(2, 6),
    [
        ("max_pool_3x3", 0),
        ("max_pool_3x3", 1),
        ("skip_connect", 2),
        ("max_pool_3x3", 1),
        ("max_pool_3x3", 0),
        ("skip_connect", 2),
        ("skip_connect", 2),
        ("max_pool_3x3", 1),
    ],
    range(2, 6),
)
AMOEBANET_A = from_darts(
    [
        ("avg_pool_3x3", 0),
        ("max_pool_3x3", 1),
        ("sep_conv_3x3", 0),
        ("sep_conv_5x5", 2),
        ("sep_conv_3x3", 0),
        ("avg_pool_3x3", 3),
        ("sep_conv_3x3", 1),
        ("skip_connect", 1),
        ("skip_connect", 0),
        ("avg_pool_3x3", 1),
    ],
    (4, 5, 6),
    [
        ("avg_pool_3x3", 0),
        ("sep_conv_3x3", 1),
        ("max_pool_3x3", 0),
        ("sep_conv_7x7", 2),
        ("sep_conv_7x7", 0),
        ("avg_pool_3x3", 1),
        ("max_pool_3x3", 0),
        ("max_pool_3x3", 1),
        ("conv_7x1_1x7", 0),
        ("sep_conv_3x3", 5),
    ],
    (3, 4, 6),
)
NASP = from_darts(
    [
        ("conv_3x1_1x3", 0),
        ("conv_3x3", 1),
        ("dil_conv_3x3", 2),
        ("conv_3x3", 1),
        ("dil_conv_3x3", 2),
        ("conv_3x3", 0),
        ("skip_connect", 0),
        ("dil_conv_3x3", 3),
    ],
    range(2, 6),
    [
        ("max_pool_3x3", 0),
        ("max_pool_3x3", 1),
        ("skip_connect", 2),
        ("max_pool_5x5", 1),
        ("skip_connect", 2),
        ("skip_connect", 3),
        ("skip_connect", 0),
        ("skip_connect", 1),
    ],
    range(2, 6),
)
# Small cells: one convolution and every kind of skip; the normal cell outputs only its last node.
SMALL = from_darts(
    [("conv_3x3", 0), ("skip_connect", 1), ("skip_connect", 0), ("max_pool_3x3", 2)],
    (3,),
    [("max_pool_3x3", 0), ("skip_connect", 1), ("skip_connect", 2), ("skip_connect", 0)],
    (2, 3),
)
