"""The three texts of a data set, read from a folder or from an official archive."""

import hashlib
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Self

import torch
from torch import Tensor

from nasp.errors import NaspError

END, UNKNOWN = "<eos>", "<unk>"
SPLITS = ("train", "valid", "test")
# Names of a split's file: plain, in Mikolov's Penn Treebank, in WikiText.
NAMES = ("{}.txt", "ptb.{}.txt", "wiki.{}.tokens")
ARCHIVES = (".zip", ".tgz", ".gz", ".tar")
BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError, RuntimeError)
Lines = list[list[str]]


@dataclass(frozen=True)
class Vocabulary:
    """The words of a text; a word's integer is its position.

    Attributes:
        words: Distinct words, including the end of a line.
    """

    words: tuple[str, ...]

    @classmethod
    def from_lines(cls, lines: Lines) -> Self:
        """Collect the words of a text in the order of their first appearance."""
        return cls(tuple(dict.fromkeys(word for line in lines for word in (*line, END))))

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class Corpus:
    """The texts of a data set as integers, with an end-of-line word after each line.

    Attributes:
        vocabulary: Words of the training text.
        train: Training text, `(tokens,)`, int64.
        valid: Validation text, likewise.
        test: Test text, likewise.
        sha256: Digest of vocabulary and texts.
    """

    vocabulary: Vocabulary
    train: Tensor
    valid: Tensor
    test: Tensor
    sha256: str


def load_corpus(path: Path, map_unknown: bool = False) -> Corpus:
    """Read the training, the validation and the test text.

    Args:
        path: A folder or an archive (.zip, .tgz) that holds `train.txt`, `valid.txt` and
            `test.txt`, or `ptb.train.txt`, ... or `wiki.train.tokens`, .... Each line is a
            sentence, with words separated by blanks. Lines end with a line feed, a carriage return
            or both; other separators, such as form feeds and U+2028, are blanks.
        map_unknown: See `encode`.

    Raises:
        NaspError: A file is missing, empty, damaged or not text, or the validation or test text has
            a word that the training text lacks.
    """
    texts = {split: read_words(path, split) for split in SPLITS}
    vocabulary = Vocabulary.from_lines(texts["train"][1])
    encoded = {
        split: encode(lines, vocabulary, place, map_unknown)
        for split, (place, lines) in texts.items()
    }
    found = hashlib.sha256("\n".join(vocabulary.words).encode())
    for split in SPLITS:
        found.update(encoded[split].numpy().tobytes())
    return Corpus(vocabulary, **encoded, sha256=found.hexdigest())


def read_words(path: Path, split: str) -> tuple[str, Lines]:
    """Return the file's name for messages and the words of each line; raises like `load_corpus`."""
    names = [name.format(split) for name in NAMES]
    try:
        with _files(path) as files:
            held = {PurePosixPath(key).name: key for key in files.names()}
            name = next((name for name in names if name in held), "")
            if not name:
                raise NaspError(f"{path} holds no {split} text: it needs one of {', '.join(names)}")
            place = f"{path}: {name}" if path.is_file() else str(path / name)
            content = files.read(held[name])
    except BROKEN as error:
        reason = getattr(error, "strerror", None) or error
        raise NaspError(f"{path} cannot be read ({reason}): get it again") from error
    try:
        text = content.decode("utf-8-sig")  # a byte-order mark is no part of the first word
        lines = [line.split() for line in StringIO(text, newline=None)]
    except UnicodeDecodeError as error:
        raise NaspError(f"{place} is not UTF-8 text ({error}): get it again") from error
    if not any(lines):
        raise NaspError(f"{place} holds no words: get it again")
    return place, lines


def encode(lines: Lines, vocabulary: Vocabulary, place: str, map_unknown: bool = False) -> Tensor:
    """Return a text as integers, `(tokens,)`.

    Args:
        lines: Words of each line.
        vocabulary: The known words.
        place: The file's name, for messages.
        map_unknown: Whether a word that is not in the vocabulary becomes `<unk>`. A warning counts
            these words.

    Raises:
        NaspError: A word is not in the vocabulary, and `map_unknown` is false or `<unk>` is not in
            the vocabulary either; the message names its file and line.
    """
    index = {word: position for position, word in enumerate(vocabulary.words)}
    tokens: list[int] = []
    unknown: list[str] = []
    for number, line in enumerate(lines, 1):
        for word in (*line, END):
            if word not in index:
                if not map_unknown or UNKNOWN not in index:
                    raise NaspError(_not_known(word, f"{place}, line {number}", UNKNOWN in index))
                unknown.append(word)
                word = UNKNOWN
            tokens.append(index[word])
    if unknown:
        warnings.warn(
            f"{place}: {len(unknown):,} of {len(tokens):,} words are not in the training text, "
            f"{unknown[0]!r} for example; they become {UNKNOWN}",
            stacklevel=2,
        )
    return torch.tensor(tokens)


def _not_known(word: str, place: str, can_map: bool) -> str:
    what = (
        f"--map_unknown replaces such words by {UNKNOWN}"
        if can_map
        else f"give texts that belong together, with rare words replaced by {UNKNOWN} in all"
    )
    return f"{place}: the word {word!r} is not in the training text: {what}"


class _Files:
    """The files of a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> Sequence[str]:
        return [entry.name for entry in self.root.iterdir() if entry.is_file()]

    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()


class _Zip(_Files):
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive

    def names(self) -> Sequence[str]:
        return self.archive.namelist()

    def read(self, name: str) -> bytes:
        return self.archive.read(name)


class _Tar(_Files):
    def __init__(self, archive: tarfile.TarFile) -> None:
        self.archive = archive

    def names(self) -> Sequence[str]:
        return [member.name for member in self.archive if member.isreg()]

    def read(self, name: str) -> bytes:
        file = self.archive.extractfile(name)
        assert file is not None  # it is a regular file
        return file.read()


@contextmanager
def _files(path: Path) -> Iterator[_Files]:
    if path.is_dir():
        yield _Files(path)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as zipped:
            yield _Zip(zipped)
    elif path.suffix in ARCHIVES:
        with tarfile.open(path) as packed:
            yield _Tar(packed)
    else:
        raise NaspError(f"{path} is neither a folder nor an archive ({', '.join(ARCHIVES)})")
