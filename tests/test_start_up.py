"""A command answers a question about itself without the libraries that its work takes."""

import subprocess
import sys

import pytest

COMMANDS = [
    *("sif.search", "sif.train", "sif.compare"),
    *("nasp.cnn_search", "nasp.cnn_train", "nasp.cnn_eval"),
    *("nasp.rnn_search", "nasp.rnn_train", "nasp.rnn_eval"),
]
HEAVY = ("torch", "sklearn", "optuna", "matplotlib", "mlflow")
SCRIPT = """
import runpy, sys
command, heavy = sys.argv.pop(1), sys.argv.pop(1).split(",")
try:
    runpy.run_module(command, run_name="__main__")
except SystemExit as end:
    print("exit", end.code, sorted(set(sys.modules) & set(heavy)))
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_and_mistyped_options_import_nothing_heavy(command: str) -> None:
    for option, code in (("--help", 0), ("--devise=cpu", 2)):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, command, ",".join(HEAVY), option],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout.splitlines()[-1:] == [f"exit {code} []"], done.stderr
        assert code == 0 or "device" in done.stderr


INTERRUPTED = """
import runpy, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
runpy.run_module(sys.argv.pop(1), run_name="__main__")
"""


@pytest.mark.parametrize("command", ["sif.search", "sif.compare", "nasp.cnn_search"])
def test_an_interruption_of_the_imports_is_one_line(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, command], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (130, "\ninterrupted: before any work\n")
