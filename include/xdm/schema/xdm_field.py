"""Fields of an XDM schema: their types, constraints and inner fields, read from JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from include.errors import SchemaError
from include.json_types import JsonObject, JsonValue

_LONG = 9007199254740992  # XDM's long has the range that a double holds exactly
_DEEPEST = 60


class Kind(Enum):
    """The type of an XDM field (EP:xdm/schema/field-constraints.md)."""

    STRING = "string"
    NUMBER = "number"
    LONG = "long"
    INTEGER = "int"
    SHORT = "short"
    BYTE = "byte"
    BOOLEAN = "boolean"
    DATE = "date"
    DATE_TIME = "date-time"
    OBJECT = "object"
    ARRAY = "array"
    MAP = "map"

    @property
    def is_integer(self) -> bool:
        """Whether the values of this kind are integers."""
        return self in INTEGER_LIMITS

    @property
    def is_numeric(self) -> bool:
        """Whether the values of this kind are numbers."""
        return self is Kind.NUMBER or self in INTEGER_LIMITS

    @property
    def is_scalar(self) -> bool:
        """Whether the values of this kind are neither objects nor arrays nor maps."""
        return self not in (Kind.OBJECT, Kind.ARRAY, Kind.MAP)


INTEGER_LIMITS: dict[Kind, tuple[int, int]] = {
    Kind.LONG: (-_LONG, _LONG),
    Kind.INTEGER: (-(2**31), 2**31 - 1),
    Kind.SHORT: (-(2**15), 2**15 - 1),
    Kind.BYTE: (-128, 127),
}


@dataclass(frozen=True)
class XdmField:
    """A field of an XDM schema, with the fields inside it.

    Attributes:
        path: the names from the root of the schema; ``*`` stands for an array's items or a map's values.
        kind: the XDM type.
        constraints: the other JSON Schema keywords of the field, such as ``pattern`` or ``maximum``.
        children: the members of an object by name.
        item: the items of an array or the values of a map; None if the schema does not describe them.
        required: the names of the members that an object must have.
    """

    path: tuple[str, ...]
    kind: Kind
    constraints: JsonObject
    children: Mapping[str, XdmField] = field(default_factory=dict)
    item: XdmField | None = None
    required: frozenset[str] = frozenset()

    @property
    def dotted(self) -> str:
        """The path of the field as text, with a dot between the names."""
        return ".".join(self.path)

    def walk(self) -> Iterator[XdmField]:
        """Yield this field and every field inside its objects, in schema order; not the fields inside arrays and maps."""
        yield self
        for child in self.children.values():
            yield from child.walk()


def read_field(path: tuple[str, ...], node: JsonValue) -> XdmField:
    """Return the field at ``path`` that ``node`` of a resolved schema describes, with all fields inside it.

    Raises:
        SchemaError: a node is not a field description, contains a reference, or has a type that XDM does not have.
    """
    if len(path) > _DEEPEST:
        raise SchemaError(
            f"The schema nests deeper than {_DEEPEST} levels at {'.'.join(path[:6])}…",
            "A user with the permission Manage Schemas must remove the circular reference in AEP.",
        )
    if not isinstance(node, dict):
        raise SchemaError(
            f"The schema has {node!r} at {'.'.join(path)}, where a field description is expected.",
            "A user with the permission Manage Schemas must correct the field in its field group in AEP.",
        )
    description: JsonObject = node
    kind = _kind(path, description)
    children = {
        name: read_field((*path, name), child)
        for name, child in (description.get("properties") or {}).items()
        if kind is Kind.OBJECT
    }
    inner = (
        description.get("items")
        if kind is Kind.ARRAY
        else description.get("additionalProperties")
        if kind is Kind.MAP
        else None
    )
    item = read_field((*path, "*"), inner) if isinstance(inner, dict) and inner else None
    constraints = {
        key: value
        for key, value in description.items()
        if key not in ("properties", "items", "additionalProperties", "required")
    }
    return XdmField(path, kind, constraints, children, item, frozenset(description.get("required") or ()))


def _reference(node: JsonValue) -> str | None:
    """Return the first ``$ref`` of a node or of its ``allOf`` and similar members, or None; no reference is followed."""
    if isinstance(node, list):
        return next(filter(None, map(_reference, node)), None)
    if not isinstance(node, dict):
        return None
    combined = [node[key] for key in ("allOf", "anyOf", "oneOf", "not") if key in node]
    return str(node.get("$ref") or "") or _reference(combined)


def _kind(path: tuple[str, ...], node: JsonObject) -> Kind:
    if reference := _reference(node) if path else node.get("$ref"):
        raise SchemaError(
            f"The schema refers to {reference!r} at {'.'.join(path) or 'its root'} instead of resolving it.",
            "Request the schema from the Schema Registry in the form xed-full, which contains no references.",
        )
    json_type, xdm_type = node.get("type"), node.get("meta:xdmType")
    if json_type == "object" or (json_type is None and ("properties" in node or not path)):
        has_values = isinstance(node.get("additionalProperties"), dict) and not node.get("properties")
        return Kind.MAP if xdm_type == "map" or has_values else Kind.OBJECT
    if json_type == "string":
        return {"date": Kind.DATE, "date-time": Kind.DATE_TIME}.get(str(node.get("format")), Kind.STRING)
    if json_type == "integer":
        return _integer_kind(node)
    try:
        return Kind({"array": "array", "number": "number", "boolean": "boolean"}[str(json_type)])
    except KeyError:
        raise SchemaError(
            f"Field {'.'.join(path)} of the schema has type {json_type!r}, which XDM does not have.",
            "A user with the permission Manage Schemas must correct the field in its field group in AEP.",
        ) from None


def _integer_kind(node: JsonObject) -> Kind:
    named = {"long": Kind.LONG, "int": Kind.INTEGER, "short": Kind.SHORT, "byte": Kind.BYTE}
    if node.get("meta:xdmType") in named:
        return named[node["meta:xdmType"]]
    # The smallest type that holds the range; a missing bound is that of the plain integer, which is an int
    # (EP:xdm/schema/field-constraints.md).
    bounds = [
        node.get("minimum", INTEGER_LIMITS[Kind.INTEGER][0]),
        node.get("maximum", INTEGER_LIMITS[Kind.INTEGER][1]),
    ]
    for kind in (Kind.BYTE, Kind.SHORT, Kind.INTEGER):
        if max(map(abs, bounds)) <= -INTEGER_LIMITS[kind][0]:
            return kind
    return Kind.LONG
