"""Conversion of text for the CSV parser: to UTF-8, with a delimiter of one character."""

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from typing import IO

from nasp.errors import NaspError

CHUNK = 1 << 20


class Stream:
    """A file of bytes from chunks; each read returns the full size, except at the end."""

    closed = False

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks, self.buffer = iter(chunks), io.BytesIO()

    def read(self, size: int = -1) -> bytes:
        parts = []
        while size:
            data = self.buffer.read(size)
            if not data:
                if (chunk := next(self.chunks, None)) is None:
                    break
                self.buffer = io.BytesIO(chunk)
            parts.append(data)
            size -= len(data)
        return b"".join(parts)


def chunks_of(file: IO[bytes], encoding: str = "utf-8") -> Iterator[bytes]:
    """Yield a text's bytes, converted to UTF-8.

    Raises:
        UnicodeDecodeError: The text does not have this encoding.
    """
    if encoding == "utf-8":
        yield from iter(lambda: file.read(CHUNK), b"")
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    for data in iter(lambda: file.read(CHUNK), b""):
        yield decoder.decode(data).encode()
    yield decoder.decode(b"", final=True).encode()


def tabs_for_colons(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Replace each `::` by a tab."""
    rest = b""
    for data in chunks:
        whole = (rest + data).rstrip(b":")
        rest = (rest + data)[len(whole) :]
        yield whole.replace(b"::", b"\t")
    yield rest.replace(b"::", b"\t")


def tabs_for_blanks(chunks: Iterable[bytes], source: str) -> Iterator[bytes]:
    """Replace each run of blanks by a tab, and remove blanks at the ends of lines.

    Raises:
        NaspError: A line is longer than a chunk.
    """
    rest = b""
    for data in chunks:
        end = data.rfind(b"\n") + 1
        if end:
            yield _tabs(rest + data[:end])
            rest = b""
        rest += data[end:]
        if len(rest) > CHUNK:
            raise NaspError(f"{source}: a line is longer than {CHUNK:,} bytes; correct it")
    yield _tabs(rest)


def _tabs(lines: bytes) -> bytes:
    return re.sub(rb"(?m)^\t|\t(?=\r?$)", b"", re.sub(rb"[ \t]+", b"\t", lines))
