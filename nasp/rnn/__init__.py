"""Recurrent cells for language models."""

from typing import TYPE_CHECKING, Any

from nasp.registry import attribute

if TYPE_CHECKING:
    from nasp.rnn.model_file import load_model
    from nasp.rnn.network import LanguageModel
    from nasp.rnn.options import SearchOptions, TrainOptions
    from nasp.rnn.space import RNNSpace
    from nasp.rnn.tasks import TextTask
    from nasp.rnn.zoo import ZOO

PLACES = {
    "LanguageModel": "nasp.rnn.network:LanguageModel",
    "RNNSpace": "nasp.rnn.space:RNNSpace",
    "SearchOptions": "nasp.rnn.options:SearchOptions",
    "TextTask": "nasp.rnn.tasks:TextTask",
    "TrainOptions": "nasp.rnn.options:TrainOptions",
    "ZOO": "nasp.rnn.zoo:ZOO",
    "load_model": "nasp.rnn.model_file:load_model",
}

__all__ = [
    "ZOO",
    "LanguageModel",
    "RNNSpace",
    "SearchOptions",
    "TextTask",
    "TrainOptions",
    "load_model",
]


def __getattr__(name: str) -> Any:
    return attribute(__name__, PLACES, name)
