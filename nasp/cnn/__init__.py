"""Cells of convolutional networks for images."""

from typing import TYPE_CHECKING, Any

from nasp.registry import attribute

if TYPE_CHECKING:
    from nasp.cnn.classify import Classify
    from nasp.cnn.model_file import load_network
    from nasp.cnn.network import Network
    from nasp.cnn.options import SearchOptions, TrainOptions
    from nasp.cnn.space import CNNSpace
    from nasp.cnn.tasks import ImageTask, open_search
    from nasp.cnn.zoo import ZOO

PLACES = {
    "CNNSpace": "nasp.cnn.space:CNNSpace",
    "Classify": "nasp.cnn.classify:Classify",
    "ImageTask": "nasp.cnn.tasks:ImageTask",
    "Network": "nasp.cnn.network:Network",
    "SearchOptions": "nasp.cnn.options:SearchOptions",
    "TrainOptions": "nasp.cnn.options:TrainOptions",
    "ZOO": "nasp.cnn.zoo:ZOO",
    "load_network": "nasp.cnn.model_file:load_network",
    "open_search": "nasp.cnn.tasks:open_search",
}

__all__ = [
    "ZOO",
    "CNNSpace",
    "Classify",
    "ImageTask",
    "Network",
    "SearchOptions",
    "TrainOptions",
    "load_network",
    "open_search",
]


def __getattr__(name: str) -> Any:
    return attribute(__name__, PLACES, name)
