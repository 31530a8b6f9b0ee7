"""Comparison cells, cards, and requests to a served model."""

import base64
import json
import os
import shutil
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml
from mlflow.exceptions import MlflowException

import nasp.data.cards
from nasp.cli.package_files import resource
from nasp.cnn.classify import blank
from nasp.errors import NaspError
from nasp.files.digest import with_digest
from sif import compare, search
from sif.data.locate import load_ratings
from tests.attack.harness import Case
from tests.attack.made import COMPARE, SIF, Made
from tests.attack.media import claimed
from tests.attack.mutate import PLAIN, body_of, bytes_of


def trials(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Trials' files of a search that is resumed."""
    output = folder / "run"
    shutil.copytree(made.searched, output)
    argv = ["--data", str(made.table), "--output", str(output), *SIF, "--resume"]
    command = partial(search.main, argv)
    yield Case("as they are", command, "accepted")
    for path in sorted((output / "trials").glob("*.json")):
        whole = path.read_bytes()
        body = json.loads(whole)
        for name, data in bytes_of(whole, random, 24):
            path.write_bytes(data)
            yield Case(f"{path.name}: {name}", command, "refused")
        for name, changed in body_of(body, random, 24, PLAIN):
            path.write_text(json.dumps(changed))
            yield Case(f"{path.name}: {name}", command, "refused" if changed != body else "either")
        rest = {key: value for key, value in body.items() if key != "digest"}
        for name, changed in body_of(rest, random, 60, PLAIN):
            path.write_text(json.dumps(with_digest(changed)))
            yield Case(f"{path.name}, sealed: {name}", command)
        for wrong in (True, "1", 1.0, 99, -1, None):
            path.write_text(json.dumps(with_digest({**rest, "version": wrong})))
            yield Case(f"{path.name}: version {wrong!r}", command, "refused")
        for name, text in (("a list", "[]"), ("nothing", ""), ("deep lists", "[" * 100_000)):
            path.write_text(text)
            yield Case(f"{path.name}: {name}", command, "refused")
        path.unlink()
        os.mkfifo(path)
        yield Case(f"{path.name}: a named pipe", command, "refused")
        path.unlink()
        yield Case(f"{path.name}: nothing there", command, "accepted")
        path.write_bytes(whole)
    one, two, *_ = sorted((output / "trials").glob("*.json"))
    one.write_bytes(two.read_bytes())
    yield Case("another trial's file", command, "refused")


def comparison_cells(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Cells of a comparison that is resumed."""
    output = folder / "run"
    shutil.copytree(made.compared, output)
    argv = ["--data", str(made.table), "--output", str(output), *COMPARE, "--resume"]
    command = partial(compare.main, argv)
    yield Case("as they are", command, "accepted")
    cells = sorted((output / "measurements").glob("*.json"))
    for path in cells[-2:]:
        whole = path.read_bytes()
        body = json.loads(whole)
        for name, data in bytes_of(whole, random, 24):
            path.write_bytes(data)
            yield Case(f"{path.name}: {name}", command, "refused")
        for name, changed in body_of(body, random, 24, PLAIN):
            path.write_text(json.dumps(changed))
            yield Case(f"{path.name}: {name}", command, "refused" if changed != body else "either")
        for name, text in (
            ("a list", "[]"),
            ("NaN", "NaN"),
            ("nothing", ""),
            ("deep lists", "[" * 100_000),
            ("5,000 digits", "9" * 5000),
        ):
            path.write_text(text)
            yield Case(f"{path.name}: {name}", command, "refused")
        path.unlink()
        os.mkfifo(path)
        yield Case(f"{path.name}: a named pipe", command, "refused")
        path.unlink()
        path.write_bytes(whole)
    one, two = sorted((output / "measurements").glob("*mf*seed=?.json"))
    kept = one.read_bytes()
    one.write_bytes(two.read_bytes())
    yield Case("another seed's cell", command, "refused")
    one.write_bytes(kept)


def cards(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Cards in `datasets/`: an invalid one, and a valid one."""
    right = yaml.safe_load(resource("datasets/movielens-100k/card.yaml").read_text())
    root = folder / "datasets"
    for name in ("ours", "other"):
        (root / name).mkdir(parents=True)
    bring = {**right, "archive": None, "fallback": None, "file": {"path": "ratings.csv"}}
    (root / "other" / "card.yaml").write_text(yaml.safe_dump({**bring, "aliases": []}))
    path = root / "ours" / "card.yaml"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # so that the checkout's cards are not found
        patch.setattr(nasp.data.cards, "resource", lambda relative: folder / relative)
        ours = partial(load_ratings, "ours", data_dir=made.table.parent)
        other = partial(load_ratings, "other", data_dir=made.table.parent)
        right = {**right, "file": {"path": "ratings.csv", "bytes": 10, "sha256": "0" * 64}}
        for name, changed in body_of({**right, "aliases": ["a"]}, random, 60, PLAIN):
            path.write_text(yaml.safe_dump(changed))
            yield Case(f"{name}, by its name", ours)
            yield Case(f"{name}, another data set", other, "accepted")
        for name, data in bytes_of(yaml.safe_dump(right).encode(), random, 30):
            path.write_bytes(data)
            yield Case(f"{name}, by its name", ours)
            yield Case(f"{name}, another data set", other, "accepted")
        for text in ("", "[]", "false", "{" * 5000, "a: " + "9" * 5000, "&a [*a]", "!!python/x 1"):
            path.write_text(text)
            yield Case(f"{text:.20}, by its name", ours, "refused")
            yield Case(f"{text:.20}, another data set", other, "accepted")
        path.unlink()
        os.mkfifo(path)
        yield Case("a named pipe, by its name", ours, "refused")
        yield Case("a named pipe, another data set", other, "accepted")


def served(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Requests to the served models; an exception of MLflow becomes a line with status 400."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns about type hints
        from nasp.cnn.serving import ServedClassifier
        from sif.serving import ServedRecommender

        classifier, recommender = ServedClassifier(), ServedRecommender()
    classifier.load_context(
        SimpleNamespace(artifacts={"model": str(made.network)}, model_config=None)
    )
    recommender.load_context(
        SimpleNamespace(artifacts={"model": str(made.searched / "model.pt")}, model_config=None)
    )

    def ask(model: Any, table: pd.DataFrame) -> None:
        try:
            model.predict(None, table)
        except MlflowException as error:
            assert error.get_http_status_code() == 400
            raise NaspError(error.message) from error

    yield Case(
        "an image", partial(ask, classifier, pd.DataFrame({"image": [blank(8)]})), "accepted"
    )
    odd: list[Any] = [None, True, 1, 1.5, "", "x", b"x", [], {}, float("nan")]
    odd += [base64.b64encode(claimed(13_000, 13_000)).decode(), "=" * 10_000, "ä"]
    for value in odd:
        for table in (pd.DataFrame({"image": [value]}), pd.DataFrame({"image": [blank(8), value]})):
            yield Case(f"{value!r:.40}", partial(ask, classifier, table), "refused")
    yield Case("no column", partial(ask, classifier, pd.DataFrame({"a": [1]})), "refused")
    whole = base64.b64decode(blank(8))
    for name, data in bytes_of(whole, random, 30):
        table = pd.DataFrame({"image": [base64.b64encode(data).decode()]})
        yield Case(f"image: {name}", partial(ask, classifier, table))
    yield Case(
        "a pair", partial(ask, recommender, pd.DataFrame({"user": [1], "item": [2]})), "accepted"
    )
    wrong: list[Any] = [True, 1.5, 1.999, None, float("nan"), float("inf"), [1], {"a": 1}]
    for value in wrong:
        for column in ("user", "item"):
            for rest in ([], [1]):
                pair = {"user": [1] * (1 + len(rest)), "item": [2] * (1 + len(rest))}
                pair[column] = [value, *rest]
                request = pd.DataFrame(pair, dtype=object)
                yield Case(f"{column} {value!r}", partial(ask, recommender, request), "refused")
    for missing in ("user", "item"):
        request = pd.DataFrame({missing: [1]})
        yield Case(f"{missing} alone", partial(ask, recommender, request), "refused")
