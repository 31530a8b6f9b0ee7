"""Published cells by name, and the look-up of a command's genotype."""

from nasp.cnn.genotype import from_darts, parse, plans
from nasp.core import lookup as zoo
from nasp.core.genotype import Genotype

# fmt: off
# Each line is a node: its two operations and their input states (as in DARTS: 0 is the cell before
# the previous one, 1 the previous cell, i + 2 node i).
PNASNET = [
    ("sep_conv_5x5", 0), ("max_pool_3x3", 0),
    ("sep_conv_7x7", 1), ("max_pool_3x3", 1),
    ("sep_conv_5x5", 1), ("sep_conv_3x3", 1),
    ("sep_conv_3x3", 4), ("max_pool_3x3", 1),
    ("sep_conv_3x3", 0), ("skip_connect", 1),
]
ZOO: dict[str, Genotype] = {
    # Zoph, Vasudevan, Shlens, Le: Learning Transferable Architectures for Scalable Image
    # Recognition, CVPR 2018, figure 4.
    "nasnet_a": from_darts(
        normal=[
            ("sep_conv_5x5", 1), ("sep_conv_3x3", 0),
            ("sep_conv_5x5", 0), ("sep_conv_3x3", 0),
            ("avg_pool_3x3", 1), ("skip_connect", 0),
            ("avg_pool_3x3", 0), ("avg_pool_3x3", 0),
            ("sep_conv_3x3", 1), ("skip_connect", 1),
        ],
        normal_concat=range(2, 7),
        reduce=[
            ("sep_conv_5x5", 1), ("sep_conv_7x7", 0),
            ("max_pool_3x3", 1), ("sep_conv_7x7", 0),
            ("avg_pool_3x3", 1), ("sep_conv_5x5", 0),
            ("skip_connect", 3), ("avg_pool_3x3", 2),
            ("sep_conv_3x3", 2), ("max_pool_3x3", 1),
        ],
        reduce_concat=[4, 5, 6],
    ),
    # Real, Aggarwal, Huang, Le: Regularized Evolution for Image Classifier Architecture Search,
    # AAAI 2019, figure 5.
    "amoebanet_a": from_darts(
        normal=[
            ("avg_pool_3x3", 0), ("max_pool_3x3", 1),
            ("sep_conv_3x3", 0), ("sep_conv_5x5", 2),
            ("sep_conv_3x3", 0), ("avg_pool_3x3", 3),
            ("sep_conv_3x3", 1), ("skip_connect", 1),
            ("skip_connect", 0), ("avg_pool_3x3", 1),
        ],
        normal_concat=[4, 5, 6],
        reduce=[
            ("avg_pool_3x3", 0), ("sep_conv_3x3", 1),
            ("max_pool_3x3", 0), ("sep_conv_7x7", 2),
            ("sep_conv_7x7", 0), ("avg_pool_3x3", 1),
            ("max_pool_3x3", 0), ("max_pool_3x3", 1),
            ("conv_7x1_1x7", 0), ("sep_conv_3x3", 5),
        ],
        reduce_concat=[3, 4, 6],
    ),
    # Liu, Simonyan, Yang: DARTS: Differentiable Architecture Search, ICLR 2019, first order.
    "darts_v1": from_darts(
        normal=[
            ("sep_conv_3x3", 1), ("sep_conv_3x3", 0),
            ("skip_connect", 0), ("sep_conv_3x3", 1),
            ("skip_connect", 0), ("sep_conv_3x3", 1),
            ("sep_conv_3x3", 0), ("skip_connect", 2),
        ],
        normal_concat=range(2, 6),
        reduce=[
            ("max_pool_3x3", 0), ("max_pool_3x3", 1),
            ("skip_connect", 2), ("max_pool_3x3", 0),
            ("max_pool_3x3", 0), ("skip_connect", 2),
            ("skip_connect", 2), ("avg_pool_3x3", 0),
        ],
        reduce_concat=range(2, 6),
    ),
    # The same, second order.
    "darts_v2": from_darts(
        normal=[
            ("sep_conv_3x3", 0), ("sep_conv_3x3", 1),
            ("sep_conv_3x3", 0), ("sep_conv_3x3", 1),
            ("sep_conv_3x3", 1), ("skip_connect", 0),
            ("skip_connect", 0), ("dil_conv_3x3", 2),
        ],
        normal_concat=range(2, 6),
        reduce=[
            ("max_pool_3x3", 0), ("max_pool_3x3", 1),
            ("skip_connect", 2), ("max_pool_3x3", 1),
            ("max_pool_3x3", 0), ("skip_connect", 2),
            ("skip_connect", 2), ("max_pool_3x3", 1),
        ],
        reduce_concat=range(2, 6),
    ),
    # Yao, Xu, Tu, Zhu: Efficient Neural Architecture Search via Proximal Iterations, AAAI 2020;
    # found among 12 operations, as the authors' repository gives it.
    "nasp": from_darts(
        normal=[
            ("conv_3x1_1x3", 0), ("conv_3x3", 1),
            ("dil_conv_3x3", 2), ("conv_3x3", 1),
            ("dil_conv_3x3", 2), ("conv_3x3", 0),
            ("skip_connect", 0), ("dil_conv_3x3", 3),
        ],
        normal_concat=range(2, 6),
        reduce=[
            ("max_pool_3x3", 0), ("max_pool_3x3", 1),
            ("skip_connect", 2), ("max_pool_5x5", 1),
            ("skip_connect", 2), ("skip_connect", 3),
            ("skip_connect", 0), ("skip_connect", 1),
        ],
        reduce_concat=range(2, 6),
    ),
    # Liu et al.: Progressive Neural Architecture Search, ECCV 2018, PNASNet-5. One cell is both.
    "pnasnet_5": from_darts(
        normal=PNASNET,
        normal_concat=range(2, 7),
        reduce=PNASNET,
        reduce_concat=range(2, 7),
    ),
    # Pham et al.: Efficient Neural Architecture Search via Parameter Sharing, ICML 2018, micro
    # search space. The output concatenates what no node takes.
    "enas_micro": from_darts(
        normal=[
            ("sep_conv_3x3", 1), ("skip_connect", 1),
            ("sep_conv_5x5", 1), ("skip_connect", 0),
            ("avg_pool_3x3", 0), ("sep_conv_3x3", 1),
            ("sep_conv_3x3", 0), ("avg_pool_3x3", 1),
            ("sep_conv_5x5", 1), ("avg_pool_3x3", 0),
        ],
        normal_concat=range(2, 7),
        reduce=[
            ("sep_conv_5x5", 0), ("sep_conv_3x3", 1),
            ("sep_conv_3x3", 1), ("avg_pool_3x3", 1),
            ("sep_conv_3x3", 1), ("avg_pool_3x3", 1),
            ("avg_pool_3x3", 1), ("sep_conv_5x5", 4),
            ("sep_conv_3x3", 5), ("sep_conv_5x5", 0),
        ],
        reduce_concat=[2, 3, 6],
    ),
    # Luo et al.: Neural Architecture Optimization, NeurIPS 2018, found with shared weights. In the
    # authors' code it is a list of numbers; the output concatenates what no node takes.
    "naonet_b": from_darts(
        normal=[
            ("sep_conv_5x5", 0), ("avg_pool_3x3", 0),
            ("sep_conv_5x5", 0), ("avg_pool_3x3", 2),
            ("max_pool_3x3", 1), ("avg_pool_3x3", 0),
            ("sep_conv_3x3", 4), ("max_pool_3x3", 1),
            ("sep_conv_5x5", 2), ("max_pool_3x3", 0),
        ],
        normal_concat=[3, 5, 6],
        reduce=[
            ("sep_conv_5x5", 1), ("sep_conv_3x3", 1),
            ("sep_conv_5x5", 2), ("skip_connect", 2),
            ("sep_conv_3x3", 1), ("max_pool_3x3", 2),
            ("sep_conv_5x5", 3), ("avg_pool_3x3", 2),
            ("avg_pool_3x3", 0), ("avg_pool_3x3", 0),
        ],
        reduce_concat=[4, 5, 6],
    ),
    # Xie et al.: SNAS: Stochastic Neural Architecture Search, ICLR 2019, mild constraint.
    "snas_mild": from_darts(
        normal=[
            ("sep_conv_3x3", 0), ("sep_conv_3x3", 1),
            ("skip_connect", 0), ("dil_conv_3x3", 1),
            ("skip_connect", 0), ("skip_connect", 1),
            ("skip_connect", 0), ("sep_conv_3x3", 1),
        ],
        normal_concat=range(2, 6),
        reduce=[
            ("max_pool_3x3", 0), ("max_pool_3x3", 1),
            ("skip_connect", 2), ("max_pool_3x3", 1),
            ("max_pool_3x3", 1), ("skip_connect", 2),
            ("dil_conv_5x5", 2), ("max_pool_3x3", 0),
        ],
        reduce_concat=range(2, 6),
    ),
    # Dong & Yang: Searching for A Robust Neural Architecture in Four GPU Hours, CVPR 2019.
    "gdas_v1": from_darts(
        normal=[
            ("skip_connect", 0), ("skip_connect", 1),
            ("skip_connect", 0), ("sep_conv_5x5", 2),
            ("sep_conv_3x3", 3), ("skip_connect", 0),
            ("sep_conv_5x5", 4), ("sep_conv_3x3", 3),
        ],
        normal_concat=range(2, 6),
        reduce=[
            ("sep_conv_5x5", 0), ("sep_conv_3x3", 1),
            ("sep_conv_5x5", 2), ("sep_conv_5x5", 1),
            ("dil_conv_5x5", 2), ("sep_conv_3x3", 1),
            ("sep_conv_5x5", 0), ("sep_conv_5x5", 1),
        ],
        reduce_concat=range(2, 6),
    ),
}
# fmt: on


def find_genotype(name_or_path: str) -> Genotype:
    """Return the genotype that an option names: a name in `ZOO`, a genotype.json or a run's folder.

    A name in the zoo has precedence over a file of the same name; `./nasp` is always a file.

    Raises:
        NaspError: No genotype is found, or it is not one of CNN cells.
    """
    return zoo.find_genotype(name_or_path, ZOO, plans, parse)
