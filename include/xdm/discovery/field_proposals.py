"""Propose XDM fields and mappings for discovered properties without a mapping; a proposed field is never changed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field

from include.errors import ConfigError
from include.json_types import JsonMapping, JsonObject
from include.redact import one_line
from include.xdm.dataprep.language.check import check, event_paths, properties_in, property_of
from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.parser import parse
from include.xdm.dataprep.language.paths import parse_path
from include.xdm.discovery.discover import Discovery, Profile
from include.xdm.discovery.field_names import AssignedField, FieldAssignments, field_name
from include.xdm.mapping.destinations import TENANT
from include.xdm.schema.xdm_field import INTEGER_LIMITS, Kind

ROOT = "mixpanel.custom"
"""The object of all proposed fields, below the tenant; it separates them from fields that people have defined."""

_LOW, _HIGH = INTEGER_LIMITS[Kind.LONG]
STRING: JsonObject = {"type": "string"}
_SCALARS: dict[frozenset[str], JsonObject] = {
    frozenset({"boolean"}): {"type": "boolean"},
    frozenset({"integer"}): {"type": "integer", "minimum": _LOW, "maximum": _HIGH},
    frozenset({"number"}): {"type": "number"},
    frozenset({"integer", "number"}): {"type": "number"},
    frozenset({"date-time"}): {"type": "string", "format": "date-time"},
}
_COMMON = {*_SCALARS, frozenset({"string"})}


@dataclass
class Proposal:
    """The fields that ``propose_fields`` assigned, in addition to those of earlier runs.

    Attributes:
        assignments: the fields of earlier runs and of this run.
        new: the sources that got a field in this run.
        differing: by source whose values do not fit its field, a text with the type of the field and of the values.
        nameless: the number of properties whose names cannot be written in a mapping; they stay unmapped.
    """

    assignments: FieldAssignments
    new: list[str] = field(default_factory=list)
    differing: dict[str, str] = field(default_factory=dict)
    nameless: int = 0

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of a mapping file: one mapping for each assigned field."""
        return [
            {"sourceType": "ATTRIBUTE", "source": source, "destination": f"{TENANT}.{entry.field}"}
            for source, entry in sorted(self.assignments.fields.items())
        ]

    def field_group(self, present: JsonMapping) -> JsonObject:
        """Return the field group ``present`` with all assigned fields added; its existing fields are unchanged."""
        made = deepcopy(dict(present))
        made.setdefault("properties", {})
        for source, entry in sorted(self.assignments.fields.items()):
            _add_field(made, entry, title=str(parse_path(source)[-1]))
        return made


def propose_fields(
    discovery: Discovery, assignments: FieldAssignments, mapped: Iterable[str] = ()
) -> Proposal:
    """Assign a field to every discovered property that has a value; ``mapped``: properties that get no field."""
    proposal = Proposal(FieldAssignments(dict(assignments.fields)))
    taken = set(mapped)
    for name, profile in sorted(discovery.properties.items()):
        if name not in taken:
            _assign(proposal, f"properties.{_escaped(name)}", f"{ROOT}.{field_name(name)}", name, profile)
    return proposal


def mapped_properties(rows: Iterable[JsonMapping], assignments: FieldAssignments) -> set[str]:
    """Return the properties that mappings written by people read: all mappings except those of the names file.

    Raises:
        ConfigError: a mapping's source cannot be read.
    """
    found: set[str | None] = set()
    for number, row in enumerate(rows, 1):
        source = row["source"]
        try:
            if row["sourceType"] == "EXPRESSION":
                found |= properties_in(check(parse(str(source))))
            elif row["sourceType"] == "ATTRIBUTE" and source not in assignments.fields:
                found |= {
                    property_of(path)
                    for path in event_paths(parse_path(str(source)))
                    if path[0] == "properties"
                }
        except LanguageError as fault:
            raise ConfigError(
                f"Mapping {number} cannot be read: {fault}.", "Correct that mapping in the mapping file."
            ) from None
    return {name for name in found if name is not None}


def definition_of(profile: Profile) -> JsonObject | None:
    """Return the JSON Schema of one field that can store every profiled value exactly; None without values."""
    kinds = frozenset(profile.kinds) - {"nothing"}
    if kinds == {"list"}:
        item = definition_of(profile.items) if profile.items else None
        common = profile.items is not None and frozenset(profile.items.kinds) - {"nothing"} in _COMMON
        return {"type": "array", "items": item} if item and common else item and STRING
    if kinds == {"object"} and not profile.opaque and not any(map(definition_of, profile.keys.values())):
        return None
    return _SCALARS.get(kinds, STRING) if kinds else None


def _is_scalar(profile: Profile | None) -> bool:
    return profile is not None and not {"object", "list"} & set(profile.kinds)


def _separate_members(profile: Profile | None) -> dict[str, Profile]:
    """Return the object members that get a field each; empty if the whole value is stored in one field."""
    if profile is None or profile.opaque or set(profile.kinds) - {"nothing"} != {"object"}:
        return {}
    return profile.keys if all(map(_writable, profile.keys)) else {}


def _assign(proposal: Proposal, source: str, place: str, name: str, profile: Profile) -> None:
    assignments, definition = proposal.assignments, definition_of(profile)
    if not _writable(name):
        proposal.nameless += 1
        return
    if (given := assignments.fields.get(source)) is not None:
        if definition is not None and not _fits(definition, given.definition):
            proposal.differing[source] = (
                f"{type_name(given.definition)}, but the data contain {type_name(definition)}"
            )
        return
    each, members = _members(assignments, source, profile)
    for key, inner in sorted(members.items()):
        inside = f"{source}{each}.{_escaped(key)}"
        _assign(proposal, inside, f"{place}{each}.{field_name(key)}", key, inner)
    if assignments.has_field_inside(source):
        other = set(profile.kinds) - {"nothing", "list" if each else "object"}
        if each and profile.items:
            other |= set(profile.items.kinds) - {"nothing", "object"}
        if other:
            proposal.differing[source] = (
                f"split into fields, but the data contain {' and '.join(sorted(other))}"
            )
    elif definition is not None and not members:
        assignments.fields[source] = AssignedField(place, definition)
        proposal.new.append(source)


def _members(assignments: FieldAssignments, source: str, profile: Profile) -> tuple[str, dict[str, Profile]]:
    """Return how a source is split into fields, and the profiles of those of its members that get a field.

    The first result is ``""`` for an object and ``[*]`` for a list of objects. A source with fields in the names file
    keeps its split; a new source is split by the type of its values.
    """
    items = profile.items
    if any(key.startswith(f"{source}[*]") for key in assignments.fields):
        known = dict(items.keys) if items else {}
        return "[*]", {key: inner for key, inner in known.items() if _writable(key) and _is_scalar(inner)}
    if assignments.has_field_inside(source):
        return "", {key: inner for key, inner in profile.keys.items() if _writable(key)}
    if set(profile.kinds) - {"nothing"} == {"list"}:
        flat = _separate_members(items)
        return "[*]", flat if all(map(_is_scalar, flat.values())) else {}
    return "", _separate_members(profile)


_ACCEPTS = {"number": ("number", "integer"), "integer": ("integer",), "boolean": ("boolean",)}


def _fits(seen: JsonMapping, assigned: JsonMapping) -> bool:
    """Return whether an assigned field can store every value of the type ``seen``; both are JSON Schemas."""
    if assigned == STRING:
        return True
    if assigned["type"] == "array":
        return bool(seen["type"] == "array" and _fits(seen["items"], assigned["items"]))
    if assigned["type"] == "string":
        return seen == assigned
    return seen["type"] in _ACCEPTS[assigned["type"]]


def type_name(definition: JsonMapping) -> str:
    """Return a JSON Schema type in one to three words, such as ``array of string``."""
    if definition["type"] == "array":
        return f"array of {type_name(definition['items'])}"
    return str(definition.get("format", definition["type"]))


def _writable(name: str) -> bool:
    """Return whether a mapping can contain the name: it is not empty, and is valid Unicode."""
    return name != "" and name.encode("utf-8", "replace").decode() == name


def _escaped(name: str) -> str:
    """Return a property or member name as a step of a mapping's path, with dots, brackets and ``${`` escaped."""
    text = re.sub(r"([.\\\[])", r"\\\1", name)
    return f"\\{text}" if text.startswith("${") else text


def _add_field(group: JsonObject, entry: AssignedField, title: str) -> None:
    """Add a field and its parent objects to a field group, unless the field exists there."""
    here = group["properties"]
    *above, last = entry.field.split(".")
    for step in above:
        name = step.removesuffix("[*]")
        if step.endswith("[*]"):
            made: JsonObject = {"type": "array", "items": {"type": "object", "properties": {}}}
            here = here.setdefault(name, made)["items"]["properties"]
        else:
            here = here.setdefault(name, {"type": "object", "properties": {}}).setdefault("properties", {})
    here.setdefault(last, {"title": one_line(title)[:100], **entry.definition})
