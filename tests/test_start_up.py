"""`--help` and `--version` do not import the libraries that a command's work needs."""

import subprocess
import sys

import pytest

from nasp.cli.main import COMMANDS

ALL = [*((c.module, []) for c in COMMANDS.values()), ("nasp", ["search", "sif"])]
HEAVY = ("torch", "sklearn", "optuna", "matplotlib", "mlflow")
SCRIPT = """
import runpy, sys
module, heavy = sys.argv.pop(1), sys.argv.pop(1).split(",")
try:
    runpy.run_module(module, run_name="__main__")
except SystemExit as end:
    print("exit", end.code, sorted(set(sys.modules) & set(heavy)))
"""


def run(script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(("module", "words"), ALL)
def test_help_and_mistyped_options_import_nothing_heavy(module: str, words: list[str]) -> None:
    for option, code in (("--help", 0), ("--version", 0), ("--devise=cpu", 2)):
        done = run(SCRIPT, module, ",".join(HEAVY), *words, option)
        assert done.stdout.splitlines()[-1:] == [f"exit {code} []"], done.stderr
        assert code == 0 or "--devise" in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["trian"], []])
def test_the_list_of_commands_imports_nothing_heavy(words: list[str]) -> None:
    done = run(SCRIPT, "nasp", ",".join((*HEAVY, "pandas", "jsonargparse", "sif")), *words)
    code = 0 if "--help" in words else 2
    assert done.stdout.splitlines()[-1:] == [f"exit {code} []"], done.stderr


INTERRUPTED = """
import runpy, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
runpy.run_module(sys.argv.pop(1), run_name="__main__")
"""


@pytest.mark.parametrize(
    "words", [["sif.search"], ["sif.compare"], ["nasp.cnn_search"], ["nasp", "train", "rnn"]]
)
def test_an_interruption_of_the_imports_is_one_line(words: list[str]) -> None:
    done = run(INTERRUPTED, *words)
    assert (done.returncode, done.stderr) == (130, "\ninterrupted: before any work\n")
