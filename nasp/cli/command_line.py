"""Assignment of the words of a command line to options."""

from collections.abc import Collection, Sequence
from itertools import pairwise

from nasp.cli.available_options import AvailableOptions
from nasp.errors import NaspError
from nasp.files.yaml_file import check_plain


def scan_options(words: Sequence[str]) -> dict[str, str | None]:
    """Return the given options, each with the word after it, or None."""
    given: dict[str, str | None] = {}
    for word, following in pairwise([*words, "--"]):
        if word.startswith("--"):
            name, equals, value = _parted(word)
            alone = following.startswith("--")
            given[name] = value if equals else None if alone else following
    return given


def option_texts(
    words: Sequence[str], available: AvailableOptions, more: Collection[str] = ()
) -> dict[str, str]:
    """Return the value of each given option as text; the last value counts.

    `--resume` means `--resume true`, `--batch-size` means `--batch_size`, and `--seeds 1,2` or
    `--seeds 1 2` means `--seeds [1,2]`.

    Args:
        words: The words after the command's name.
        available: The options of the command.
        more: Names of further options, which all have a value.

    Raises:
        NaspError: An option is unknown or has no value, a word belongs to no option, or a number is
            not in plain decimal digits.
    """
    options = available.by_key()
    left = list(words)
    texts: dict[str, str] = {}
    while left:
        word = left.pop(0)
        if not word.startswith("--"):
            hint = f": is it the data? Then --data {word}" if "data" in options else ""
            raise NaspError(f"{word!r} is not an option{hint}; see --help")
        name, equals, value = _parted(word)
        if name not in options and name not in more:
            raise NaspError(
                f"unknown option {word.split('=')[0]}{available.hint(name)}: see --help"
            )
        option = options.get(name)
        if not equals and option is not None and option.takes(bool) and _begins(left, "-"):
            value = "true"
        elif not equals and left and not left[0].startswith("--"):
            value = left.pop(0)
        if not value:
            raise NaspError(f"--{name} has no value: give one, or leave the option out")
        if option is not None and option.takes(tuple) and not value.startswith(("[", "null")):
            while not _begins(left, "--"):
                value += f",{left.pop(0)}"
            value = f"[{value}]"
        if option is not None and option.takes(int, float):
            check_plain(value)
        texts[name] = value
    return texts


def _begins(words: Sequence[str], start: str) -> bool:
    """Whether there is no word, or the first word begins with `start`."""
    return not words or words[0].startswith(start)


def _parted(word: str) -> tuple[str, str, str]:
    name, equals, value = word[2:].partition("=")
    return name.replace("-", "_"), equals, value
