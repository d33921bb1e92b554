"""Paths of mappings: ``properties.items[0].sku``, with a backslash or ``${...}`` for names with special characters."""

from __future__ import annotations

import re
from enum import Enum

from include.xdm.dataprep.language.errors import LanguageError


class Each(Enum):
    """``[*]``: every element of an array."""

    ELEMENT = "*"


EACH = Each.ELEMENT
Step = str | int | Each
Path = tuple[Step, ...]

_NAME = re.compile(r"\$\{(?P<wrapped>[^}]+)\}|(?P<plain>(?:\\.|[^.\\\[])+)", re.DOTALL)
_POSITION = re.compile(r"\[(\*|\d{1,9})\]")


def parse_path(text: str) -> Path:
    r"""Return the steps of a path: names, positions ``[n]`` and ``[*]``.

    ``\.`` is a dot inside a name; ``${...}`` wraps a name, or a whole path if nothing else is written.

    Raises:
        LanguageError: the path is empty, has an empty name, or has other text between a name and the next dot.
    """
    if text.startswith("${") and text.find("}") == len(text) - 1 and "." in text:
        text = text[2:-1]
    steps: list[Step] = []
    at = 0
    while True:
        match = _NAME.match(text, at)
        if match is None or text.startswith("${}", at):
            raise LanguageError(f"path {text!r} has an empty name at position {at + 1}")
        wrapped = match["wrapped"]
        steps.append(unescape(match["plain"]) if wrapped is None else wrapped.replace("\\.", "."))
        at = match.end()
        while position := _POSITION.match(text, at):
            steps.append(EACH if position[1] == "*" else int(position[1]))
            at = position.end()
        if at == len(text):
            return tuple(steps)
        if text[at] == "[":
            raise LanguageError(
                f"path {text!r} has no [0] or [*] at position {at + 1}; write a name with a bracket as ${{...}}"
            )
        if text[at] != ".":
            raise LanguageError(f"path {text!r} lacks a dot at position {at + 1}")
        at += 1


def unescape(name: str) -> str:
    """Return a name without the backslashes of its escapes."""
    return re.sub(r"\\(.)", r"\1", name, flags=re.DOTALL)


def write_path(path: Path) -> str:
    """Return a path for a message: the reverse of ``parse_path``, with ``${...}`` around names that need it."""
    text = ""
    for step in path:
        if isinstance(step, str):
            plain = re.fullmatch(r"[\w$*-]+", step)
            text += ("." if text else "") + (step if plain else f"${{{step}}}")
        else:
            text += f"[{step.value if isinstance(step, Each) else step}]"
    return text
