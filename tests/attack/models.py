"""Models, checkpoints and genotypes that are damaged or invalid."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import torch

from nasp.cnn.model_file import load_network
from nasp.files.digest import digest, with_digest
from nasp.rnn.model_file import load_model
from sif import InteractionModel, InteractionSearch, search, train
from tests.attack.harness import Case
from tests.attack.made import SIF, Made
from tests.attack.mutate import PLAIN, WRONG, body_of, bytes_of


def sif_models(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Found functions."""

    def load(path: Path) -> None:
        InteractionModel.load(path)
        InteractionSearch.load(path)

    return _models(made.searched / "model.pt", folder, random, load)


def networks(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Networks of CNN cells."""
    return _models(made.network, folder, random, load_network)


def language_models(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Networks of RNN cells."""
    return _models(made.language, folder, random, load_model)


def _models(
    right: Path, folder: Path, random: Random, load: Callable[[Path], Any]
) -> Iterator[Case]:
    whole, path = right.read_bytes(), folder / "model.pt"
    body = torch.load(right, weights_only=True)
    for name, data in bytes_of(whole, random, 60):
        path.write_bytes(data)
        # Bytes without meaning, such as a time in the archive, may change; the content may not.
        yield Case(name, partial(load, path), "either" if _same(path, body) else "refused")
    for name, changed in body_of(body, random, 12, WRONG):
        torch.save(changed, path)
        yield Case(f"{name}, digest as it was", partial(load, path), "refused")
    rest = {key: value for key, value in body.items() if key != "digest"}
    for name, changed in body_of(rest, random, 60, WRONG):
        torch.save(with_digest(changed), path)
        yield Case(name, partial(load, path))
    for wrong in (True, "2", 2.0, 99, -1, None):
        torch.save(with_digest({**rest, "version": wrong}), path)
        yield Case(f"version {wrong!r}", partial(load, path), "refused")
    for wrong in ([], 1, "x", torch.zeros(3), {}):
        torch.save(wrong, path)
        yield Case(f"{wrong!r} for a body", partial(load, path), "refused")
    for key in ("format", "version", "digest"):
        torch.save({**body, key: torch.zeros(3)}, path)
        yield Case(f"a tensor for the {key}", partial(load, path), "refused")
    torch.save({**body, "state": torch.zeros(1).expand(1 << 42)}, path)
    yield Case("terabytes of one number", partial(load, path), "refused")
    path.unlink()
    os.mkfifo(path)
    yield Case("a named pipe", partial(load, path), "refused")
    yield Case("a folder", partial(load, folder), "refused")
    yield Case("nothing", partial(load, folder / "none"), "refused")
    yield Case("a device", partial(load, Path("/dev/zero")), "refused")


def _same(path: Path, body: Any) -> bool:
    try:
        return digest(torch.load(path, weights_only=True)) == digest(body)
    except Exception:
        return False


def genotypes(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """`genotype.json` of a search, edited and damaged."""
    right, path = made.searched / "genotype.json", folder / "genotype.json"
    whole = right.read_bytes()
    body = json.loads(whole)
    output = folder / "run"
    epochs = ["--embedding_dim", "2", "--epochs", "1", "--tracking", "none", "--quiet"]
    argv = ["--data", str(made.table), "--genotype", str(path), "--output", str(output), *epochs]

    def command() -> None:
        shutil.rmtree(output, ignore_errors=True)
        train.main(argv)

    path.write_bytes(whole)
    yield Case("as it is", command, "accepted")
    for name, data in bytes_of(whole, random, 60):
        path.write_bytes(data)
        try:
            same = json.loads(data) == body
        except ValueError:
            same = False
        yield Case(name, command, "either" if same else "refused")
    del body["digest"]
    path.write_text(json.dumps(body))
    yield Case("by hand, without a digest", command, "accepted")
    for name, changed in body_of(body, random, 80, PLAIN):
        path.write_text(json.dumps(changed))
        yield Case(name, command)
    text = json.dumps(body)
    hand = {
        "a key twice": text[:-1] + ', "space": "sif"}',
        "NaN": text.replace("0.", "NaN + 0.", 1),
        "a constant": text.replace('"version": 1', '"version": NaN'),
        "infinity": text.replace('"version": 1', '"version": Infinity'),
        "5,000 digits": text.replace('"version": 1', '"version": ' + "1" * 5000),
        "1e999": text.replace('"version": 1', '"version": 1e999'),
        "version true": text.replace('"version": 1', '"version": true'),
        "deep lists": "[" * 100_000,
        "deep mappings": '{"a":' * 100_000 + "1" + "}" * 100_000,
        "half a pair": text.replace("interaction", "\\ud800"),
        "a list": "[1]",
        "a number": "1",
        "nothing": "",
        "a comment": text + "// end",
        "a tail": text + text,
    }
    for name, data in hand.items():
        path.write_text(data)
        yield Case(name, command, "refused")
    for name, raw in (
        ("UTF-16", text.encode("utf-16")),
        ("Latin-1", b'{"\xe4": 1}'),
        ("NULs", bytes(1000)),
        ("200 MB", b" " * 200_000_000),
    ):
        path.write_bytes(raw)
        yield Case(name, command, "refused")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    yield Case("a byte order mark", command, "accepted")
    path.unlink()
    os.mkfifo(path)
    yield Case("a named pipe", command, "refused")


def checkpoints(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Checkpoints of a search that is resumed."""
    output = folder / "run"
    shutil.copytree(made.searched, output)
    argv = ["--data", str(made.table), "--output", str(output), "--resume", *SIF]
    command = partial(search.main, argv)
    yield Case("as it is", command, "accepted")
    files = sorted(output.glob("**/*.pt"))
    for file in (one for one in files if one.name != "model.pt"):
        whole = file.read_bytes()
        body = torch.load(file, weights_only=True)
        for name, data in bytes_of(whole, random, 60 // len(files)):
            file.write_bytes(data)
            same = _same(file, body)
            yield Case(f"{file.name}: {name}", command, "either" if same else "refused")
        rest = {key: value for key, value in body.items() if key != "digest"}
        for name, changed in body_of(rest, random, 60 // len(files), WRONG):
            torch.save(with_digest(changed), file)
            yield Case(f"{file.name}: {name}", command)
        for wrong in ([], 1, "x", {}, torch.zeros(3)):
            torch.save(wrong, file)
            yield Case(f"{file.name}: {wrong!r} for a body", command, "refused")
        file.unlink()
        os.mkfifo(file)
        yield Case(f"{file.name}: a named pipe", command, "refused")
        file.unlink()
        file.write_bytes(whole)
