"""Assemble the values of several mappings into one array or map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from include.xdm.dataprep.functions.registry import Function, required
from include.xdm.dataprep.functions.values import Json, array, json_array, json_object, members
from include.xdm.dataprep.language.errors import Failure
from include.xdm.dataprep.language.paths import EACH, Path, Step
from include.xdm.dataprep.language.types import Type

if TYPE_CHECKING:
    from include.xdm.mapping.field_mapping import FieldMapping

_Tree: TypeAlias = "dict[Step, _Tree | Json]"
"""An array or object under construction: by index or member name, a JSON text or a nested array or object."""


class _MemberStep(NamedTuple):
    """The optional last step of a source path: wraps a value that is not an object or array as ``{member: value}``."""

    member: str


_Source = tuple[Step | _MemberStep, ...]


@dataclass(frozen=True)
class Part:
    """The contribution of one mapping to an array or map that several mappings fill.

    Attributes:
        inside: the path from the array or map to the value.
        source: the path from the event property to the value.
        member: the member of the destination object that receives a single value, otherwise "".
        candidates: the paths where the property may be in an event; the first one with a value is used.
        constant: the value, if it is not read from an event; otherwise None.
    """

    inside: Path
    source: Path
    member: str
    candidates: tuple[Path, ...] = ()
    constant: str | None = None


def part_of(part: FieldMapping) -> Part:
    """Convert a mapping that fills a place inside an array or map to the ``Part`` that ``assembly`` requires.

    If the destination is an object with a member of the source's name, a single value fills that member: in Adobe's
    sample, ``emails[*].name`` to ``pi[*].names`` gives {"names": {"name": ...}} (EP:data-prep/mapping-set.md).
    """
    last = str(part.sources[0][-1]) if part.sources else ""
    return Part(
        part.inside,
        part.sources[0][2:] if part.sources else (),
        last if last in part.field.children else "",
        tuple(path[:2] for path in part.sources),
        part.constant if part.kind == "STATIC" else None,
    )


def assembly(number: int, wanted: Sequence[Part]) -> Function:
    """Return a function that takes the value of each part and returns the JSON text of the array or object.

    It returns None without values. The items of the source's n-th ``[*]`` have the same index in the destination's n-th
    ``[*]``. A value that is not an array counts as an array of one item. A missing item is null. A part without ``[*]``
    in its source fills every item that other parts created.
    """
    parts: list[tuple[Path, _Source]] = [
        (part.inside, (*part.source, _MemberStep(part.member)) if part.member else part.source)
        for part in wanted
    ]
    # Parts that fill every item come last, because they create no items.
    order = sorted(range(len(parts)), key=lambda n: _fills_every_item(*parts[n]))

    def assemble(*values: Json | None) -> Json | None:
        tree: _Tree = {}
        for n in order:
            (inside, source), value = parts[n], values[n]
            if value is not None:
                _insert(tree, inside, source, value)
        made = _write(tree)
        return None if made == "null" else made

    assemble.__name__ = f"assemble_{number}"
    parameters = tuple(required(f"PART_{n}", Type.ANY, nullable=True) for n in range(len(parts)))
    return Function("", "", parameters, Type.ANY, python=assemble)


def _fills_every_item(inside: Path, source: _Source) -> bool:
    return EACH in inside and EACH not in source


def _insert(tree: _Tree, inside: Path, source: _Source, value: Json) -> None:
    if _fills_every_item(inside, source):
        found, here = _value_at(value, source), inside.index(EACH)
        items = _existing_items(tree, inside[:here])
        for item in items.values() if found != "null" else ():
            if isinstance(item, dict):
                _insert(item, inside[here + 1 :], (), found)
        return
    if EACH not in source:
        found = _value_at(value, source)
        if found != "null":
            _container(tree, inside[:-1])[inside[-1]] = found
        return
    at, here = source.index(EACH), inside.index(EACH)
    found = _value_at(value, source[:at])
    if found == "null":
        return
    slots = _container(tree, inside[:here])
    for number, item in enumerate(array(found) if found.startswith("[") else [found]):
        rest = inside[here + 1 :]
        if rest:
            _insert(_container(slots, (number,)), rest, source[at + 1 :], item)
        elif (part := _value_at(item, source[at + 1 :])) != "null":
            slots[number] = part


def _value_at(value: Json, steps: _Source) -> Json:
    for step in steps:
        if isinstance(step, _MemberStep):
            value = value if value[0] in "[{n" else json_object({step.member: value})
        elif isinstance(step, int):
            items = array(value) if value.startswith("[") else []
            value = items[step] if step < len(items) else "null"
        else:
            value = members(value).get(str(step), "null") if value.startswith("{") else "null"
    return value


def _existing_items(tree: _Tree, steps: Path) -> _Tree:
    """Return the items of the array or object at a path in the tree; empty if the path does not exist."""
    here: _Tree | Json | None = tree
    for step in steps:
        here = here.get(step) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else {}


def _container(tree: _Tree, steps: Path) -> _Tree:
    """Return the array or object at a path in the tree; create it if it does not exist."""
    for step in steps:
        inner = tree.setdefault(step, {})
        if not isinstance(inner, dict):
            raise Failure("one mapping fills the item with a value, another one with an object")
        tree = inner
    return tree


def _write(tree: _Tree | Json) -> Json:
    """Return a tree as JSON text: an array with null for each missing index, an object, or ``null`` if it is empty."""
    if isinstance(tree, str):
        return tree
    written = {step: text for step, inner in tree.items() if (text := _write(inner)) != "null"}
    if not written:
        return "null"
    positions = {step: text for step, text in written.items() if isinstance(step, int)}
    if len(positions) == len(written):
        return json_array(positions.get(n, "null") for n in range(max(positions) + 1))
    return json_object({str(step): text for step, text in written.items()})
