"""`--help` and `--version` do not import the libraries that a command's work needs."""

import subprocess
import sys

import pytest

from nasp.cli.main import COMMANDS

HEAVY = ("torch", "sklearn", "optuna", "matplotlib", "mlflow")
SCRIPT = """
import runpy, sys
heavy, *commands = sys.argv[1:]
for command in commands:  # in one process, because each process imports the same again
    module, *sys.argv[1:] = command.split()
    sys.modules.pop(module, None)  # another command has imported it
    try:
        runpy.run_module(module, run_name="__main__")
    except SystemExit as end:
        found = sorted(set(sys.modules) & set(heavy.split(",")))
        for stream in (sys.stdout, sys.stderr):
            print("exit", end.code, found, "of", command, file=stream, flush=True)
"""


def run(script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60
    )


def test_help_and_mistyped_options_import_nothing_heavy() -> None:
    options = {"--help": 0, "--version": 0, "--devise=cpu": 2}
    commands = [*(command.module for command in COMMANDS.values()), "nasp search sif"]
    expected = {f"{c} {option}": code for c in commands for option, code in options.items()}
    done = run(SCRIPT, ",".join(HEAVY), *expected)
    ends = [f"exit {code} [] of {command}" for command, code in expected.items()]
    assert [line for line in done.stdout.splitlines() if line.startswith("exit")] == ends
    errors = done.stderr.splitlines()
    for mistyped in (end for end in ends if "devise" in end):
        assert "--devise" in errors[errors.index(mistyped) - 1]


def test_the_list_of_commands_imports_nothing_heavy() -> None:
    expected = {"nasp --help": 0, "nasp train --help": 0, "nasp trian": 2, "nasp": 2}
    done = run(SCRIPT, ",".join((*HEAVY, "pandas", "jsonargparse", "sif")), *expected)
    ends = [f"exit {code} [] of {command}" for command, code in expected.items()]
    assert [line for line in done.stdout.splitlines() if line.startswith("exit")] == ends


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
