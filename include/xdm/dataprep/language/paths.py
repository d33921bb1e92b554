"""Parse paths of sources and destinations, such as ``properties.items[0].sku``.

Special characters in a name are escaped with a backslash, or the name is wrapped in ``${...}``.
"""

from __future__ import annotations

import re
from enum import Enum

from include.xdm.dataprep.language.errors import LanguageError


class Each(Enum):
    """The step ``[*]`` of a path: every element of an array."""

    ELEMENT = "*"


EACH = Each.ELEMENT
Step = str | int | Each
Path = tuple[Step, ...]

_NAME = re.compile(r"\$\{(?P<wrapped>[^}]+)\}|(?P<plain>(?:\\.|[^.\\\[])+)", re.DOTALL)
_POSITION = re.compile(r"\[(\*|\d{1,9})\]")


def parse_path(text: str) -> Path:
    r"""Parse a path to its steps: names as str, array indexes ``[n]`` as int, and ``EACH`` for ``[*]``.

    ``\.`` is a dot inside a name; ``${...}`` wraps one name, or the whole path if the text has nothing else.

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
    """Return a name without the backslashes that escape its characters."""
    return re.sub(r"\\(.)", r"\1", name, flags=re.DOTALL)


def write_path(path: Path) -> str:
    """Return the text of a path, the reverse of ``parse_path``; names with special characters are in ``${...}``."""
    text = ""
    for step in path:
        if isinstance(step, str):
            plain = re.fullmatch(r"[\w$*-]+", step)
            text += ("." if text else "") + (step if plain else f"${{{step}}}")
        else:
            text += f"[{step.value if isinstance(step, Each) else step}]"
    return text
