"""Search and training of recurrent cells for language models."""

from typing import TYPE_CHECKING

from nasp.registry import lazy_exports

if TYPE_CHECKING:
    from nasp.rnn.model_file import load_model as load_model
    from nasp.rnn.network import LanguageModel as LanguageModel
    from nasp.rnn.options import SearchOptions as SearchOptions
    from nasp.rnn.options import TrainOptions as TrainOptions
    from nasp.rnn.space import RNNSpace as RNNSpace
    from nasp.rnn.tasks import TextTask as TextTask
    from nasp.rnn.zoo import ZOO as ZOO


__all__, __getattr__ = lazy_exports(
    __name__,
    """
    model_file: load_model
    network: LanguageModel
    options: SearchOptions TrainOptions
    space: RNNSpace
    tasks: TextTask
    zoo: ZOO
    """,
)
