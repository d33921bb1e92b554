"""Check one mapping of a mapping set against the schema: the property, expression or constant that fills a field."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite
from typing import Literal

from include.json_types import JsonMapping
from include.xdm.dataprep.language.check import Typed, check, event_paths, properties_in, property_of
from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.parser import parse
from include.xdm.dataprep.language.paths import EACH, Path, parse_path
from include.xdm.mapping.destinations import Destination, Names, can_hold, find_destination
from include.xdm.mapping.generated_fields import GeneratedFieldRules, require_same_identity
from include.xdm.mapping.mapping_file import SOURCE_TYPES
from include.xdm.schema.xdm_field import INTEGER_LIMITS, Kind, XdmField
from include.xdm.schema.xdm_schema import XdmSchema


@dataclass(frozen=True)
class FieldMapping:
    """The mapping of a value to one XDM field.

    Attributes:
        kind: determines which of the following attributes gives the value.
        destination: the path of the field, a sequence of object members.
        field: the field in the schema.
        sources: ATTRIBUTE: paths in an event; the first one with a value is used.
        constant: STATIC: the value of every event.
        expression: EXPRESSION: the checked expression.
        parts: ASSEMBLED: the mappings that fill places inside an array or map.
        inside: for one of ``parts``, the path from the array or map to its place.
        number: the position of the mapping in its file, counted from 1, for errors.
    """

    kind: Literal["ATTRIBUTE", "STATIC", "EXPRESSION", "ASSEMBLED"]
    destination: Names
    field: XdmField
    sources: tuple[Path, ...] = ()
    constant: str = ""
    expression: Typed | None = None
    parts: tuple[FieldMapping, ...] = ()
    inside: Path = ()
    number: int = 0

    def properties(self) -> set[str | None]:
        """Return the names of the properties that the mapping reads; None in the set stands for all properties."""
        found = {property_of(path) for path in self.sources if path[0] == "properties"}
        found |= properties_in(self.expression) if self.expression else set()
        return found.union(*(part.properties() for part in self.parts))


def bind_row(row: JsonMapping, schema: XdmSchema, built: GeneratedFieldRules | None) -> FieldMapping:
    """Check one mapping of a file against the schema and return it. ``built``: as in ``mapping_set.bind``.

    Raises:
        LanguageError: the mapping is wrong; the text says how.
    """
    kind = str(row.get("sourceType", "ATTRIBUTE")).upper()
    if kind not in SOURCE_TYPES:
        raise LanguageError(f"sourceType {kind} is not supported; write ATTRIBUTE, EXPRESSION or STATIC")
    source, text = row.get("source"), row.get("destination")
    if not isinstance(text, str) or source is None or (not isinstance(source, str) and kind != "STATIC"):
        raise LanguageError("it needs a source and a destination")
    if "identity" in row:
        require_same_identity(row, built)
    destination = find_destination(text, schema)
    plain = FieldMapping("ATTRIBUTE", destination.names, destination.field, inside=destination.inside)
    if kind == "ATTRIBUTE":
        return _attribute(plain, source, destination)
    plain = replace(plain, inside=_first_item(plain.inside))
    if kind == "STATIC":
        if destination.field.kind is Kind.ARRAY:
            raise LanguageError(
                f"{destination} is an array; write {destination}[*] for an array of one value"
            )
        if not _is_value(_constant_text(source), destination.field):
            field = destination.field
            raise LanguageError(
                f"{source!r} is not a valid value for {destination}, which is of type {field.kind.value}"
            )
        return replace(plain, kind="STATIC", constant=_constant_text(source))
    typed = check(parse(source))
    if not can_hold(destination.field, typed.type):
        raise LanguageError(
            f"{destination} is of type {destination.field.kind.value}, but the expression is of type {typed.type.value}"
        )
    return replace(plain, kind="EXPRESSION", expression=typed)


def _attribute(plain: FieldMapping, source: str, destination: Destination) -> FieldMapping:
    sources = event_paths(parse_path(source))
    each, wanted = sources[0].count(EACH), destination.inside.count(EACH)
    inside = destination.inside
    if each == wanted + 1 and destination.field.kind is Kind.ARRAY and destination.field.item:
        inside, wanted = (*inside, EACH), each  # such as emails[*].email to an array of texts
        plain = replace(plain, field=destination.field.item)
    if each == 0 and wanted == 1 and inside[-1:] == (EACH,):
        sources, each = tuple((*path, EACH) for path in sources), 1  # a single value is an array of one
    if each not in (0, wanted):
        raise LanguageError(
            f"the source has {each} [*] and the destination {wanted}; use the same number in both, or none in the source to fill every item"
        )
    if each == 0 and inside[-1:] == (EACH,):
        raise LanguageError(
            f"{destination} would get one value in place of each item; map it to a member of the items"
        )
    return replace(plain, sources=sources, inside=inside)


def _first_item(inside: Path) -> Path:
    """Return the path with a final ``[*]`` replaced by index 0, so that a single value fills the first item."""
    return (*inside[:-1], 0) if inside[-1:] == (EACH,) else inside


def _constant_text(source: object) -> str:
    return str(source).lower() if isinstance(source, bool) else str(source)


def _is_value(text: str, field: XdmField) -> bool:
    """Return whether a constant is a valid value of the field; otherwise the field would be empty in every row."""
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
