"""A small artificial language, and small models of it."""

from pathlib import Path

import torch

from nasp.rnn.data import Corpus, load_corpus
from nasp.rnn.data.text_batches import Reader, TextBatch
from nasp.rnn.dropout import Rates, draw_masks

WORDS = 12
SMALL = {"emsize": 10, "nhid": 10, "batch_size": 10, "bptt": 6}
LIGHT = {"dropout": 0.1, "dropouth": 0.1, "dropoutx": 0.1, "dropouti": 0.1, "dropoute": 0.1}


def sentences(count: int, seed: int) -> str:
    """Lines in which each word is mostly the one after the word before."""
    generator = torch.Generator().manual_seed(seed)
    lines = [" ".join(f"w{i}" for i in range(WORDS))]  # so that every text has all words
    for _ in range(count):
        word = int(torch.randint(WORDS, (), generator=generator))
        line = []
        for _ in range(6):
            line.append(f"w{word}")
            slip = float(torch.rand((), generator=generator)) < 0.1
            word = (word + (2 if slip else 1)) % WORDS
        lines.append(" ".join(line))
    return "\n".join(lines) + "\n"


def write_texts(folder: Path, form: str = "{}.txt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (split, count) in enumerate({"train": 60, "valid": 20, "test": 20}.items()):
        (folder / form.format(split)).write_text(sentences(count, seed))
    return folder


def made_corpus(folder: Path) -> Corpus:
    return load_corpus(write_texts(folder))


def made_batch(
    generator: torch.Generator,
    words: int = 15,
    units: int = 7,
    batch: int = 5,
    steps: int = 6,
    dtype: torch.dtype = torch.float64,
) -> TextBatch:
    """With dropout and regularised."""
    text = torch.randint(words, (steps + 1, batch), generator=generator)
    state = 0.3 * torch.randn(batch, units, generator=generator, dtype=dtype)
    rates = Rates(0.5, 0.3, 0.3, 0.2, 0.1)
    masks = draw_masks(rates, words, units, batch, generator)
    for name, mask in vars(masks).items():
        object.__setattr__(masks, name, mask.to(dtype))
    return TextBatch(text[:-1], text[1:], state, Reader(state), masks, regularised=True)
