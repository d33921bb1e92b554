r"""Paths of mappings: ``customer.emails[*].name``, ``list[0]``, ``street\\.name``, ``${First Name}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from mixpanel_aep_sandbox.aep.dataprep.language.errors import SyntaxFault
from mixpanel_aep_sandbox.aep.dataprep.language.lexer import escape, wrapped
from mixpanel_aep_sandbox.aep.dataprep.language.words import DEEPEST, LONGEST
from mixpanel_aep_sandbox.core.json_types import JsonObject


@dataclass(frozen=True)
class Each:
    """The step ``[*]`` of a path: every item of an array."""


EACH: Final = Each()
Step: TypeAlias = str | int | Each
Path: TypeAlias = tuple[Step, ...]
Found: TypeAlias = list[tuple[tuple[int, ...], object]]
"""Values at a path, each with its array indexes from 0: one index for each ``[*]`` of the path."""

_INDEX = re.compile(r"\[(?:([0-9]{1,4})|\*)\]")


def parse_path(text: str) -> Path:
    """Parse a path into its steps.

    Names may contain any character; a backslash escapes a point or a backslash.

    Raises:
        SyntaxFault: the path is invalid or too long.
    """
    if len(text) > LONGEST:
        raise SyntaxFault(f"A path may have at most {LONGEST} characters; this one has {len(text)}.")
    steps: list[Step] = []
    at = 0
    while True:
        names, at = wrapped(text, at) if text.startswith("${", at) else _name(text, at)
        steps += names
        while found := _INDEX.match(text, at):
            steps.append(EACH if found[1] is None else int(found[1]))
            at = found.end()
        if len(steps) > DEEPEST:
            raise SyntaxFault(f"A path may have at most {DEEPEST} steps.")
        if at == len(text):
            return tuple(steps)
        if text[at] != ".":
            raise SyntaxFault(f"A point is missing before {text[at]!r}.", at)
        at += 1


def _name(text: str, at: int) -> tuple[list[str], int]:
    """Return the name at index ``at`` in a list, and the index after it."""
    name, end = "", at
    while end < len(text) and text[end] != "." and not _INDEX.match(text, end):
        part, end = escape(text, end) if text[end] == "\\" else (text[end], end + 1)
        name += part
    if not name:
        raise SyntaxFault("A name is empty.", at)
    return [name], end


def show(path: Path) -> str:
    """Format a path as text, for messages: the inverse of ``parse_path``."""
    text = ""
    for step in path:
        if isinstance(step, str):
            text += ("." if text else "") + step.replace("\\", "\\\\").replace(".", "\\.")
        else:
            text += "[*]" if isinstance(step, Each) else f"[{step}]"
    return text


def read(row: JsonObject, path: Path) -> Found:
    """Return the values of a row at a path, each with its array indexes; a missing attribute or item is None."""
    found: Found = [((), row)]
    for step in _column_with_path_name(row, path):
        found = [
            (indices + more, value) for indices, whole in found for more, value in _values_below(whole, step)
        ]
    return found


def _column_with_path_name(row: JsonObject, path: Path) -> Path:
    """Replace the leading names of a path by one name with points, if the row has a column with this name.

    This applies only if the row has no attribute with the first name. Adobe's sample of columnar data maps
    ``Full.Name`` without an escape (EP:data-prep/mapping-set.md).
    """
    names: list[str] = []
    for step in path:
        if not isinstance(step, str):
            break
        names.append(step)
    column = ".".join(names)
    return (column, *path[len(names) :]) if len(names) > 1 and names[0] not in row and column in row else path


def _values_below(whole: object, step: Step) -> Found:
    """Return the values at one step below a value, each with its array index for ``[*]``."""
    if isinstance(step, str):
        return [((), whole.get(step) if isinstance(whole, dict) else None)]
    if isinstance(step, int):
        return [((), whole[step] if isinstance(whole, list) and step < len(whole) else None)]
    items = whole if isinstance(whole, list) else [] if whole is None else [whole]
    return [((number,), item) for number, item in enumerate(items)]


def exists(row: JsonObject, path: Path) -> bool:
    """Return whether a row has an attribute or item at a path; its value may be null."""
    *parents, last = _column_with_path_name(row, path)
    for _, whole in read(row, tuple(parents)) if parents else [((), row)]:
        if isinstance(last, str) and isinstance(whole, dict) and last in whole:
            return True
        if isinstance(whole, list) and (
            isinstance(last, Each) or (isinstance(last, int) and last < len(whole))
        ):
            return True
    return False


def aligned(found: Found, path: Path) -> Found:
    """Adapt values from a source path to the number of ``[*]`` in their destination path.

    Values with too few array indexes are arrays that are split into their items. Values with too many are combined into
    arrays.

    Args:
        found: The values, with one array index for each ``[*]`` of the source path.
        path: The destination path.

    Returns:
        The values, with one array index for each ``[*]`` of the destination path.
    """
    depth = sum(isinstance(step, Each) for step in path)
    while found and len(found[0][0]) < depth:
        found = [
            ((*indices, number), item)
            for indices, value in found
            for number, item in enumerate(_items(value))
        ]
    if found and len(found[0][0]) > depth:
        grouped: dict[tuple[int, ...], list[object]] = {}
        for indices, value in found:
            grouped.setdefault(indices[:depth], []).append(value)
        found = list(grouped.items())
    return found


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def write(data: JsonObject, path: Path, indices: tuple[int, ...], value: object) -> None:
    """Write a value into a record at a path.

    Missing objects and arrays are created. If the old and the new value are objects, the new attributes are added.

    Args:
        data: The record, which is changed.
        path: The path.
        indices: The array index for each ``[*]`` of the path.
        value: The value.
    """
    numbers = iter(indices)
    steps = [next(numbers) if isinstance(step, Each) else step for step in path]
    place: object = data
    for position, step in enumerate(steps):
        last = position == len(steps) - 1
        if last:
            _set(place, step, value)
            return
        place = _child(place, step, list if isinstance(steps[position + 1], int) else dict)


def clear(data: object, path: Path) -> None:
    """Set the existing values of ``data`` at a path to null, in every array item for ``[*]``."""
    step, rest = path[0], path[1:]
    if isinstance(data, dict) and step in data:
        data[step] = _cleared(data[step], rest)
    elif isinstance(data, list):
        for number, item in enumerate(data):
            if isinstance(step, Each) or step == number:
                data[number] = _cleared(item, rest)


def _cleared(value: object, rest: Path) -> object:
    """Return the value with everything at the path ``rest`` set to null; None if ``rest`` is empty."""
    if not rest:
        return None
    clear(value, rest)
    return value


def _child(place: object, step: str | int, kind: type) -> object:
    """Return the object or array at one step below a place; if another value is there, replace it by an empty one."""
    there = _member_at(place, step)
    if not isinstance(there, kind):
        there = kind()
        _set(place, step, there)
    return there


def _member_at(place: object, step: str | int) -> object:
    """Return the value at one step of an object or array; None if it is missing."""
    if isinstance(place, dict):
        return place.get(step)
    return place[step] if isinstance(place, list) and isinstance(step, int) and step < len(place) else None


def _set(place: object, step: str | int, value: object) -> None:
    """Set the value of an object's key or at an array's index.

    A shorter array is extended with nulls. If the old and the new value are objects, they are merged.
    """
    there = _member_at(place, step)
    if isinstance(there, dict) and isinstance(value, dict):
        there.update(value)
    elif isinstance(place, dict):
        place[step] = value
    elif isinstance(place, list) and isinstance(step, int):
        place.extend([None] * (step + 1 - len(place)))
        place[step] = value
