"""The texts of `--help` and `--help_all`: the options of a command in groups."""

import shutil
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import docstring_parser

from nasp.cli.available_options import AvailableOptions, Option
from nasp.cli.package_files import configs

FORMS = {int: "INT", float: "NUMBER", str: "TEXT", Path: "PATH", bool: "true|false"}
OTHERS = "other options"  # heading of options that are in no group
LEFT = 28  # columns of an option and its form, before its description
WIDEST = 100  # columns of a line, for readability
UNBROKEN = "\u00a0"  # a non-breaking space


@dataclass(frozen=True)
class Help:
    """Texts of a command's help, in addition to the docstrings of its options.

    Attributes:
        description: What the command does, in a sentence.
        examples: Example command lines without the command; `#` begins a comment.
        first: Keys of the options that `--help` shows, in this order within a group; all if empty.
        groups: For each heading, its options: names of classes that declare them, or their keys.
    """

    description: str
    examples: Collection[str] = ()
    first: Collection[str] = ()
    groups: Mapping[str, Collection[str]] = field(default_factory=dict)

    def text(self, available: AvailableOptions, program: str, space: str, everything: bool) -> str:
        """Return the help, in lines as wide as the terminal.

        Args:
            available: The options.
            program: The command's name.
            space: Folder in `configs/` in which `--config` finds a name.
            everything: Show all options, not only those in `first`.
        """
        width = min(shutil.get_terminal_size().columns, WIDEST)
        options = available.parts[""].options
        first = [k for k in self.first if k in options] or list(options)
        names = ", ".join(configs(space))
        general = {
            "config": ("FILE", f"Options in YAML: a file, or a name in configs/{space}/: {names}."),
            "help": ("", f"Show the options that are needed first{_also(first, options)}."),
            "help_all": ("", f"Show all {len(options)} options."),
            "version": ("", "Show the version."),
        }
        shown = dict.fromkeys([*first, *(options if everything else ()), *general])
        lines = [f"usage: {program} [--option value ...]", ""]
        lines += textwrap.wrap(self.description, width)
        for heading in (*self.groups, OTHERS):
            below = [k for k in shown if self._heading(k, options.get(k)) == heading]
            lines += ["", f"{heading}:"] if below else []
            for key in below:
                form, text = general[key] if key in general else _form_and_text(options[key])
                lines += _entry(key, form, text, width)
            for key in below:
                if key in available.parts:
                    lines += _of_class(key, available, width)
        lines += ["", "examples:"] if self.examples else []
        lines += [f"  {program} {example}" for example in self.examples]
        return "\n".join(lines).replace(UNBROKEN, " ")

    def _heading(self, key: str, option: Option | None) -> str:
        declared = "" if option is None else _declaring(option).__name__
        for name in (declared, key):
            for heading, below in self.groups.items():
                if name in below:
                    return heading
        return OTHERS


def _also(keys: Iterable[str], options: Mapping[str, Option]) -> str:
    named = [f"--{key}{UNBROKEN}NAME" for key in keys if options[key].chooses]
    return f"; with {' or '.join(named)}, those of that one, too" if named else ""


def _of_class(key: str, available: AvailableOptions, width: int) -> Iterator[str]:
    """Yield lines on the options of the class that the option `key` chooses."""
    part, name = available.parts[key], available.names[key]
    yield from ("", f"options of {key} {name}:")
    if not part.options:
        yield "  none"
    for inner, option in part.options.items():
        yield from _entry(inner, *_form_and_text(option), width)


def _entry(key: str, form: str, text: str, width: int) -> list[str]:
    head = f"  --{key} {form}".rstrip()
    beside = len(head) < LEFT
    body = textwrap.wrap(
        text,
        width,
        initial_indent=head.ljust(LEFT) if beside else " " * LEFT,
        subsequent_indent=" " * LEFT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return body if beside and body else [head, *body]


def _form_and_text(option: Option) -> tuple[str, str]:
    text = f"{_documented(option)} "
    if option.chooses:
        names = ", ".join(option.field.metadata["registry"])
        return "NAME", f"{text}(one of {names}; default:{UNBROKEN}{_said(option.default)})"
    form = "" if option.default is False else _form(option.hint)
    return form, f"{text}(default:{UNBROKEN}{_said(option.default)})"


def _form(hint: Any) -> str:
    """Return the form of a type's values."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "|".join(map(str, parts))
    if origin is tuple:
        return ",".join("..." if part is Ellipsis else _form(part) for part in parts)
    if origin is dict:
        return f"{{NAME: {_form(parts[1])}}}"
    if parts:
        return "|".join(_form(part) for part in parts if part is not type(None))
    return FORMS.get(hint, "VALUE")


def _said(value: Any) -> str:
    """Return a default as it is written in YAML."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, tuple):
        return ",".join(map(_said, value)) or "empty"
    return str(value)


def _documented(option: Option) -> str:
    """Return the description of an option in the docstring of its class or of a base class."""
    for base in option.schema.__mro__:
        for said in docstring_parser.parse(base.__doc__ or "").params:
            if said.arg_name == option.field.name:
                return " ".join((said.description or "").split())
    return ""


def _declaring(option: Option) -> type:
    """Return the class in the inheritance of its schema that declares an option first."""
    bases = reversed(option.schema.__mro__)
    return next(b for b in bases if option.field.name in b.__dict__.get("__dataclass_fields__", ()))
