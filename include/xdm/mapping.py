"""A Data Prep mapping set: which Mixpanel property becomes which XDM field."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from include.errors import ConfigError
from include.lake.manifest import digest_of
from include.xdm.schema import INTEGER_LIMITS, Kind, XdmField, XdmSchema

TENANT = "_{TENANT_ID}"
"""How Adobe's documentation, and a mapping file that is to work in any organisation, writes the tenant's name."""

BUILT = ("_id", "timestamp", "identityMap")
"""What the pipeline builds itself, by rules that a mapping cannot break."""

UNMAPPED = ("mixpanel", "unmapped")
"""Below the tenant: the JSON text of every property that no mapping names."""

_FILES = Path(__file__).parents[1] / "pipelines" / "mappings"
_SEGMENT = re.compile(r"\$\{(?P<quoted>[^}]+)\}|(?P<plain>(?:\\.|[^.\\])+)")


@dataclass(frozen=True)
class FieldMapping:
    """One row of a mapping set, its paths taken apart. ``source`` has one candidate name path or more, in order."""

    kind: Literal["ATTRIBUTE", "STATIC"]
    sources: tuple[tuple[str, ...], ...]
    constant: str
    destination: tuple[str, ...]
    field: XdmField


@dataclass(frozen=True)
class MappingSet:
    """A mapping set checked against a schema. ``digest`` identifies it."""

    mappings: tuple[FieldMapping, ...]
    digest: str
    unmapped: tuple[str, ...] | None = None

    @property
    def whole_properties(self) -> frozenset[str]:
        """Properties that a mapping carries whole, so that they are not kept a second time as unmapped."""
        return frozenset(
            s[1] for m in self.mappings for s in m.sources if len(s) == 2 and s[0] == "properties"
        )


def read_mapping_file(name: str, folder: Path = _FILES) -> list[dict[str, Any]]:
    """The rows of a mapping file: a mapping set as AEP exports it, or its bare list of mappings.

    Raises:
        ConfigError: there is no such file, or it is no mapping set.
    """
    path = folder / name
    if not path.is_file():
        raise ConfigError(
            f"There is no mapping file {name} in include/pipelines/mappings.", "Copy shop.json there."
        )
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name} is no JSON: {error}.") from None
    rows = data.get("mappings") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(
            f"{name} holds no list of mappings.", 'Expected {"mappings": [{"sourceType": …}, …]}.'
        )
    return rows


def bind(name: str, rows: list[dict[str, Any]], schema: XdmSchema, *, keep_unmapped: bool) -> MappingSet:
    """Checks a mapping set against the schema: every fault of it in one go.

    Raises:
        ConfigError: naming each row that is wrong, and the nearest path that is not.
    """
    unmapped = (schema.tenant, *UNMAPPED) if keep_unmapped else None
    faults: list[str] = []
    mappings: list[FieldMapping] = []
    taken: dict[tuple[str, ...], int] = {}
    for number, row in enumerate(rows, 1):
        try:
            mapping = _row(row, schema)
            if mapping.destination == unmapped:
                raise ValueError(f"{mapping.field.dotted} is filled by unmapped: keep; remove this row")
            if mapping.destination in taken:
                raise ValueError(f"row {taken[mapping.destination]} already fills {mapping.field.dotted}")
            taken[mapping.destination] = number
            mappings.append(mapping)
        except ValueError as fault:
            faults.append(f"row {number}: {fault}")
    faults += _nested_destinations(taken) + _names_that_differ_in_case(taken)
    if unmapped and ((field := schema.find(unmapped)) is None or field.kind is not Kind.STRING):
        faults.append(f"unmapped: keep needs a string field {'.'.join(unmapped)} in the schema")
    if faults:
        raise ConfigError(f"Mapping {name} does not fit schema {schema.title!r}: {'; '.join(faults)}.")
    return MappingSet(tuple(mappings), digest_of({"rows": rows, "unmapped": unmapped}), unmapped)


def _names_that_differ_in_case(taken: Mapping[tuple[str, ...], int]) -> list[str]:
    """To DuckDB ``id`` and ``Id`` are one field of a struct."""
    spelled: dict[tuple[str, ...], tuple[str, ...]] = {}
    faults = []
    for path, number in taken.items():
        for n in range(1, len(path) + 1):
            folded = tuple(name.lower() for name in path[:n])
            other = spelled.setdefault(folded, path[:n])
            if other != path[:n]:
                faults.append(f"row {number}: {'.'.join(path[:n])} and {'.'.join(other)} differ in case only")
                break
    return faults


def _row(row: Mapping[str, Any], schema: XdmSchema) -> FieldMapping:
    kind = str(row.get("sourceType", "ATTRIBUTE")).upper()
    if kind not in ("ATTRIBUTE", "STATIC"):
        raise ValueError(f"sourceType {kind} is not supported; write ATTRIBUTE or STATIC")
    source, destination = row.get("source"), row.get("destination")
    if not isinstance(destination, str) or source is None:
        raise ValueError("it needs a source and a destination")
    path = split_path(destination.replace(TENANT, schema.tenant))
    if path[0] in BUILT:
        raise ValueError(f"{path[0]} is built by the pipeline; remove this row")
    field = schema.find(path)
    if field is None:
        known = [f.dotted for f in schema.root.walk() if f.path and f.path[0] not in BUILT]
        near = get_close_matches(".".join(path), known, n=1, cutoff=0.4)
        raise ValueError(
            f"the schema has no field {'.'.join(path)}" + (f"; nearest is {near[0]}" if near else "")
        )
    if field.kind is Kind.OBJECT:
        raise ValueError(f"{field.dotted} is an object; name the fields inside it")
    if kind == "STATIC":
        if not _is_value(str(source), field):
            raise ValueError(
                f"{source!r} is no value for {field.dotted}, which is of type {field.kind.value}"
            )
        return FieldMapping("STATIC", (), str(source), path, field)
    return FieldMapping("ATTRIBUTE", _sources(str(source)), "", path, field)


def _is_value(text: str, field: XdmField) -> bool:
    """Whether a constant can be a value of the field; else the field would be empty in every row."""
    try:
        if field.kind.is_integer:
            low, high = INTEGER_LIMITS[field.kind]
            return low <= int(text) <= high
        if field.kind is Kind.NUMBER:
            return isfinite(float(text))
        if field.kind in (Kind.DATE, Kind.DATE_TIME):
            return bool(datetime.fromisoformat(text))
    except ValueError:
        return False
    if field.kind is Kind.BOOLEAN:
        return text.lower() in ("true", "false")
    return field.kind is Kind.STRING and text != ""


def _nested_destinations(taken: Mapping[tuple[str, ...], int]) -> list[str]:
    return [
        f"row {taken[path]}: {'.'.join(path)} lies inside what row {taken[path[:n]]} fills"
        for path in taken
        for n in range(1, len(path))
        if path[:n] in taken
    ]


def _sources(text: str) -> tuple[tuple[str, ...], ...]:
    """Where to look for a source, first hit wins.

    Adobe's Mixpanel tutorial writes ``data.<name>`` with the ``$`` dropped, and ``event_name`` for the event.
    """
    path = split_path(text)
    if path == ("event",):
        return (path,)
    if path[0] == "data" and len(path) > 1:
        name, rest = path[1], path[2:]
        if name == "event_name" and not rest:
            return (("event",), ("properties", name))
        return (("properties", name, *rest), ("properties", f"${name}", *rest))
    if path[0] != "properties" or len(path) < 2:
        raise ValueError(f"source {text!r} must be event, properties.<name> or data.<name>")
    return (path,)


def split_path(text: str) -> tuple[str, ...]:
    r"""The names of a path: ``a.b``, with ``\.`` for a dot inside a name and ``${...}`` around an odd one.

    Raises:
        ValueError: the path is empty or has an empty name.
    """
    names: list[str] = []
    at = 0
    while True:
        match = _SEGMENT.match(text, at)
        if match is None or text.startswith("${}", at):
            raise ValueError(f"path {text!r} has an empty name at position {at + 1}")
        quoted = match["quoted"]
        names.append(quoted if quoted is not None else re.sub(r"\\(.)", r"\1", match["plain"]))
        at = match.end()
        if at == len(text):
            return tuple(names)
        if text[at] != ".":
            raise ValueError(f"path {text!r} lacks a dot at position {at + 1}")
        at += 1
