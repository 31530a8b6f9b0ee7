"""Published cells by name, and the look-up of a command's genotype."""

from nasp.core import lookup as zoo
from nasp.core.genotype import Genotype
from nasp.rnn.genotype import from_darts, parse_darts, plan_of

# fmt: off
# Each pair is a node: its operation and its input state (0 is computed from input and previous
# state, i is node i).
ZOO: dict[str, Genotype] = {
    # Liu, Simonyan, Yang: DARTS: Differentiable Architecture Search, ICLR 2019, first order.
    "darts_v1": from_darts(
        recurrent=[
            ("relu", 0), ("relu", 1), ("tanh", 2), ("relu", 3),
            ("relu", 4), ("identity", 1), ("relu", 5), ("relu", 1),
        ],
        concat=range(1, 9),
    ),
    # The same, second order.
    "darts_v2": from_darts(
        recurrent=[
            ("sigmoid", 0), ("relu", 1), ("relu", 1), ("identity", 1),
            ("tanh", 2), ("sigmoid", 5), ("tanh", 3), ("relu", 5),
        ],
        concat=range(1, 9),
    ),
    # Pham, Guan, Zoph, Le, Dean: Efficient Neural Architecture Search via Parameter Sharing,
    # ICML 2018, from DARTS's code: 11 nodes; the output is the mean of the nodes that are no
    # input of another.
    "enas": from_darts(
        recurrent=[
            ("tanh", 0), ("tanh", 1), ("relu", 1), ("tanh", 3), ("tanh", 3), ("relu", 3),
            ("relu", 4), ("relu", 7), ("relu", 8), ("relu", 8), ("relu", 8),
        ],
        concat=[2, 5, 6, 9, 10, 11],
    ),
}
# fmt: on


def find_genotype(name_or_path: str) -> Genotype:
    """Return the genotype that an option names: a name in `ZOO`, a genotype.json or a run's folder.

    A name in the zoo has precedence over a file of the same name; `./enas` is always a file.

    Raises:
        NaspError: No genotype is found, or it is not one of a recurrent cell.
    """
    return zoo.find_genotype(name_or_path, ZOO, plan_of, parse_darts)
