"""Search and training of convolutional cells for image classification."""

from typing import TYPE_CHECKING

from nasp.registry import lazy_exports

if TYPE_CHECKING:
    from nasp.cnn.classify import ImageClassifier as ImageClassifier
    from nasp.cnn.model_file import load_network as load_network
    from nasp.cnn.network import Network as Network
    from nasp.cnn.options import SearchOptions as SearchOptions
    from nasp.cnn.options import TrainOptions as TrainOptions
    from nasp.cnn.space import CNNSpace as CNNSpace
    from nasp.cnn.tasks import ImageTask as ImageTask
    from nasp.cnn.tasks import open_search as open_search
    from nasp.cnn.zoo import ZOO as ZOO


__all__, __getattr__ = lazy_exports(
    __name__,
    """
    classify: ImageClassifier
    model_file: load_network
    network: Network
    options: SearchOptions TrainOptions
    space: CNNSpace
    tasks: ImageTask open_search
    zoo: ZOO
    """,
)
