"""The benchmark of searches in NAS-Bench-201: look-up, table, and what is not repeated."""

import json

import pytest

from benchmarks.nasbench201_searches import accuracies, append, label, main, read, table
from tests.nasp.tabular.made import nasbench201

GOOD, BAD = ("|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|none~2|", "|none~0|")
KNOWN = {GOOD: (90.0, 70.0, 40.0), BAD: (10.0, 1.0, 0.5)}


def row(strategy, seed, cell):
    values = ("cell", cell), ("valid_accuracy", "0.3"), ("gap", "0.0"), ("flips", "2")
    given = json.dumps({"name": strategy})
    return {"strategy": given, "options": "{}", "seed": str(seed), **dict(values), "seconds": "5"}


def test_the_table_has_means_and_the_best_first():
    rows = [row("nasp", 1, GOOD), row("nasp", 2, BAD), row("darts", 1, GOOD)]
    lines = table(rows, KNOWN).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| darts",
        "| *best of the table*",
        "| nasp",
        "| *random cell, mean*",
    ]
    assert (
        "| nasp | 2 | 50.00 ± 56.57 | 35.50 ± 48.79 | 20.25 ± 27.93 | 10.00 | +0.000 |" in lines[4]
    )
    assert label('{"name": "nasp", "margin": 0}') == "nasp, margin 0"


def test_searches_that_have_ended_are_not_repeated(tmp_path, monkeypatch, capsys):
    done, known = tmp_path / "searches.csv", nasbench201(tmp_path / "accuracies.csv")
    found = accuracies(known)
    assert len(found) == 5**6
    assert found[GOOD] == (10.0, 10.0, 10.0)  # ten times the number of 3 × 3 convolutions
    tried = []

    def searched(strategy, seed, options):
        tried.append((strategy["name"], seed))
        found = row(strategy["name"], seed, GOOD)
        return found | {"options": json.dumps(options, sort_keys=True)}

    monkeypatch.setattr("benchmarks.nasbench201_searches.searched", searched)
    run = ["--output", str(done), "--table", str(known), "--strategies", "nasp", "--seeds"]
    main([*run, "1"])
    main([*run, "1", "2"])
    assert tried == [("nasp", 1), ("nasp", 2)]
    assert len(read(done)) == 2
    assert "| nasp | 2 | 10.00 ± 0.00 |" in capsys.readouterr().out
    append(done, row("gdas", 1, GOOD))
    with pytest.raises(KeyError):
        table([row("gdas", 1, "|conv~0|")], KNOWN)
