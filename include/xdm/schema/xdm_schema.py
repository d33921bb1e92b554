"""An XDM schema as the Schema Registry resolves it (``xed-full``), as a tree of typed fields."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from include.errors import SchemaError
from include.xdm.schema.nearest_name import NameIndex

EXPERIENCE_EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
PROFILE_KEY = "mixpanel-aep:profile"
"""A key of the stored schema document: what Real-Time Customer Profile requires of rows; absent if not enabled."""
_LONG = 9007199254740992  # XDM's long has the range that a double holds exactly


class Kind(Enum):
    """XDM's types (facts: Adobe's field-constraints page)."""

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
        """Whether values are whole numbers."""
        return self in INTEGER_LIMITS

    @property
    def is_numeric(self) -> bool:
        """Whether values are numbers."""
        return self is Kind.NUMBER or self in INTEGER_LIMITS

    @property
    def is_scalar(self) -> bool:
        """Whether values are neither objects nor arrays nor maps."""
        return self not in (Kind.OBJECT, Kind.ARRAY, Kind.MAP)


INTEGER_LIMITS: dict[Kind, tuple[int, int]] = {
    Kind.LONG: (-_LONG, _LONG),
    Kind.INTEGER: (-(2**31), 2**31 - 1),
    Kind.SHORT: (-(2**15), 2**15 - 1),
    Kind.BYTE: (-128, 127),
}


@dataclass(frozen=True)
class XdmField:
    """One field: its kind, its constraints as the schema writes them, and the fields inside it."""

    path: tuple[str, ...]
    kind: Kind
    constraints: Mapping[str, Any]
    children: Mapping[str, XdmField] = field(default_factory=dict)
    item: XdmField | None = None
    required: frozenset[str] = frozenset()

    @property
    def dotted(self) -> str:
        """The field's path with dots."""
        return ".".join(self.path)

    def walk(self) -> Iterator[XdmField]:
        """Yield this field and every field inside its objects, in schema order; not the fields inside arrays and maps."""
        yield self
        for child in self.children.values():
            yield from child.walk()


@dataclass(frozen=True)
class ProfileUse:
    """The use of a dataset by Real-Time Customer Profile.

    ``primary`` is the path of the schema's primary identity field, in the namespace ``namespace``. None: the primary
    identity is in ``identityMap`` (experienceleague.adobe.com, ka-29740).
    """

    primary: tuple[str, ...] | None = None
    namespace: str = ""


@dataclass(frozen=True)
class XdmSchema:
    """A resolved schema. ``document`` is the registry's response, ``digest`` identifies it."""

    document: Mapping[str, Any]

    @cached_property
    def root(self) -> XdmField:
        """The tree of fields, of a schema of any class.

        Raises:
            SchemaError: the schema contains a reference, or a type that XDM does not have.
        """
        return _field((), self.document)

    def require_event(self) -> None:
        """Check that the schema describes events.

        Raises:
            SchemaError: a field of events is missing; the text names it.
        """
        for name in ("_id", "timestamp"):
            if name not in self.root.children:
                raise SchemaError(
                    f"Schema {self.title!r} has no field {name!r}, which every AEP event needs.",
                    "Use a schema of the XDM ExperienceEvent class.",
                )

    @property
    def id(self) -> str:
        """The schema's ``$id``."""
        return str(self.document.get("$id", ""))

    @property
    def title(self) -> str:
        """The schema's title, or its ``$id``."""
        return str(self.document.get("title", self.id))

    @property
    def version(self) -> str:
        """The schema's version as the registry writes it."""
        return str(self.document.get("version", ""))

    @property
    def tenant(self) -> str:
        """The name of the object with all custom fields, with its leading underscore."""
        return str(self.document.get("meta:tenantNamespace", ""))

    @cached_property
    def digest(self) -> str:
        """The digest of everything that affects which rows are valid."""
        from include.lake.manifest import digest_of  # processes of transform start faster without this import

        return digest_of({"schema": _without_metadata(self.document)})

    @cached_property
    def profile(self) -> ProfileUse | None:
        """What Profile requires of the rows; None if the dataset is not enabled for it."""
        found = self.document.get(PROFILE_KEY)
        if not isinstance(found, Mapping):
            return None
        primary = found.get("primary")
        return ProfileUse(tuple(primary) if primary else None, str(found.get("namespace", "")))

    def for_profile(self, use: ProfileUse) -> XdmSchema:
        """Return the schema of a dataset that is enabled for Profile."""
        primary = list(use.primary) if use.primary else None
        return XdmSchema({**self.document, PROFILE_KEY: {"primary": primary, "namespace": use.namespace}})

    @cached_property
    def names(self) -> NameIndex:
        """The dotted paths of all fields, to suggest a path in place of a wrong one."""
        return NameIndex(field.dotted for field in self.root.walk() if field.path)

    def find(self, path: tuple[str, ...]) -> XdmField | None:
        """Return the field at ``path`` through objects, or None."""
        here: XdmField | None = self.root
        for part in path:
            here = here.children.get(part) if here else None
        return here

    def to_json(self) -> bytes:
        """Return the schema document for a snapshot."""
        return json.dumps(self.document, sort_keys=True, ensure_ascii=False).encode()


def parse_schema(body: bytes) -> XdmSchema:
    """Return the schema of a snapshot written by ``XdmSchema.to_json``."""
    return XdmSchema(json.loads(body))


def _field(path: tuple[str, ...], node: Any) -> XdmField:
    if len(path) > 60:
        raise SchemaError(
            f"The schema nests deeper than 60 levels at {'.'.join(path[:6])}…",
            "A user with the permission Manage Schemas must remove the circular reference in AEP.",
        )
    if not isinstance(node, Mapping):
        raise SchemaError(
            f"The schema has {node!r} at {'.'.join(path)}, where a field description is expected.",
            "A user with the permission Manage Schemas must correct the field in its field group in AEP.",
        )
    kind = _kind(path, node)
    children = {
        name: _field((*path, name), child)
        for name, child in (node.get("properties") or {}).items()
        if kind is Kind.OBJECT
    }
    inner = (
        node.get("items")
        if kind is Kind.ARRAY
        else node.get("additionalProperties")
        if kind is Kind.MAP
        else None
    )
    item = _field((*path, "*"), inner) if isinstance(inner, Mapping) and inner else None
    constraints = {
        key: value
        for key, value in node.items()
        if key not in ("properties", "items", "additionalProperties", "required")
    }
    return XdmField(path, kind, constraints, children, item, frozenset(node.get("required") or ()))


def _reference(node: Any) -> Any:
    """Return the first ``$ref`` of a node or of its ``allOf`` and similar members, or None; no reference is followed."""
    if isinstance(node, list):
        return next(filter(None, map(_reference, node)), None)
    if not isinstance(node, Mapping):
        return None
    combined = [node[key] for key in ("allOf", "anyOf", "oneOf", "not") if key in node]
    return node.get("$ref") or _reference(combined)


def _kind(path: tuple[str, ...], node: Mapping[str, Any]) -> Kind:
    if reference := _reference(node) if path else node.get("$ref"):
        raise SchemaError(
            f"The schema refers to {reference!r} at {'.'.join(path) or 'its root'} instead of resolving it.",
            "Request the schema from the Schema Registry in the form xed-full, which contains no references.",
        )
    json_type, xdm_type = node.get("type"), node.get("meta:xdmType")
    if json_type == "object" or (json_type is None and ("properties" in node or not path)):
        has_values = isinstance(node.get("additionalProperties"), Mapping) and not node.get("properties")
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


def _integer_kind(node: Mapping[str, Any]) -> Kind:
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


_NOISE = ("meta:registryMetadata", "meta:createdDate", "description", "meta:sandboxId", "meta:sandboxType")


def _without_metadata(node: Any, *, names: bool = False) -> Any:
    """Return the schema without the members that do not affect which rows are valid.

    ``names``: the keys are names of fields.
    """
    if isinstance(node, Mapping):
        return {
            key: _without_metadata(value, names=key == "properties" and not names)
            for key, value in node.items()
            if names or key not in _NOISE
        }
    if isinstance(node, list):
        return [_without_metadata(value) for value in node]
    return node
