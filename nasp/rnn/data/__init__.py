"""Text data: words as integers, and batches of them."""

from nasp.rnn.data.card import find_text
from nasp.rnn.data.corpus import Corpus, Vocabulary, encode, load_corpus, read_words
from nasp.rnn.data.text_batches import TextBatch, batches, columns, varied_lengths

__all__ = [
    "Corpus",
    "TextBatch",
    "Vocabulary",
    "batches",
    "columns",
    "encode",
    "find_text",
    "load_corpus",
    "read_words",
    "varied_lengths",
]
