"""An XDM schema in the Schema Registry's resolved form (``xed-full``), read as a tree of typed fields."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

from include.errors import SchemaError
from include.json_types import JsonObject, JsonValue
from include.xdm.schema.nearest_name import NameIndex
from include.xdm.schema.xdm_field import XdmField, read_field

EXPERIENCE_EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
PROFILE_KEY = "mixpanel-aep:profile"
"""The key of ``ProfileUse`` in a schema document; absent if the dataset is not enabled for Customer Profile."""


@dataclass(frozen=True)
class ProfileUse:
    """Where Real-Time Customer Profile finds the primary identity in the rows of a dataset that is enabled for it.

    ``primary``: the path of the schema's primary identity field; ``namespace``: its identity namespace. If ``primary``
    is None, the primary identity is in ``identityMap`` (experienceleague.adobe.com, ka-29740).
    """

    primary: tuple[str, ...] | None = None
    namespace: str = ""


@dataclass(frozen=True)
class XdmSchema:
    """A resolved XDM schema. ``document``: the JSON that the Schema Registry returned."""

    document: JsonObject

    @cached_property
    def root(self) -> XdmField:
        """The root object of the schema, which contains all fields; the schema may be of any class.

        Raises:
            SchemaError: the schema contains a reference, or a type that XDM does not have.
        """
        return read_field((), self.document)

    def require_event(self) -> None:
        """Check that the schema describes events: it has the fields ``_id`` and ``timestamp``.

        Raises:
            SchemaError: one of the two fields is missing; the text names it.
        """
        for name in ("_id", "timestamp"):
            if name not in self.root.children:
                raise SchemaError(
                    f"Schema {self.title!r} has no field {name!r}, which every AEP event needs.",
                    "Use a schema of the XDM ExperienceEvent class.",
                )

    @property
    def id(self) -> str:
        """The schema's ``$id``, a URI; empty if unknown."""
        return str(self.document.get("$id", ""))

    @property
    def title(self) -> str:
        """The schema's title, or its ``$id``."""
        return str(self.document.get("title", self.id))

    @property
    def version(self) -> str:
        """The schema's version in the registry, such as ``1.3``; empty if unknown."""
        return str(self.document.get("version", ""))

    @property
    def tenant(self) -> str:
        """The name of the object that contains all custom fields, with its leading underscore; empty if unknown."""
        return str(self.document.get("meta:tenantNamespace", ""))

    @cached_property
    def digest(self) -> str:
        """The digest of the schema, without metadata that does not affect which rows are valid."""
        from include.lake.manifest import digest_of  # processes of transform start faster without this import

        return digest_of({"schema": _without_metadata(self.document)})

    @cached_property
    def profile(self) -> ProfileUse | None:
        """How Real-Time Customer Profile uses the dataset; None if the dataset is not enabled for Profile."""
        found = self.document.get(PROFILE_KEY)
        if not isinstance(found, dict):
            return None
        primary = found.get("primary")
        return ProfileUse(tuple(primary) if primary else None, str(found.get("namespace", "")))

    def for_profile(self, use: ProfileUse) -> XdmSchema:
        """Return a copy of this schema for a dataset enabled for Profile; the copy's ``profile`` equals ``use``."""
        primary = list(use.primary) if use.primary else None
        return XdmSchema({**self.document, PROFILE_KEY: {"primary": primary, "namespace": use.namespace}})

    @cached_property
    def names(self) -> NameIndex:
        """An index of the dotted paths of all fields, for errors that suggest the nearest existing path."""
        return NameIndex(field.dotted for field in self.root.walk() if field.path)

    def find(self, path: tuple[str, ...]) -> XdmField | None:
        """Return the field at ``path``, a sequence of object members; None if the schema does not have this field."""
        here: XdmField | None = self.root
        for part in path:
            here = here.children.get(part) if here else None
        return here

    def to_json(self) -> bytes:
        """Return the schema document as JSON text, for a snapshot in the lake."""
        return json.dumps(self.document, sort_keys=True, ensure_ascii=False).encode()


def parse_schema(body: bytes) -> XdmSchema:
    """Return the schema of a snapshot written by ``XdmSchema.to_json``."""
    return XdmSchema(json.loads(body))


_METADATA = ("meta:registryMetadata", "meta:createdDate", "description", "meta:sandboxId", "meta:sandboxType")


def _without_metadata(node: JsonValue, *, names: bool = False) -> JsonValue:
    """Return a node of the schema without the members that do not affect which rows are valid.

    ``names``: whether the keys of ``node`` are names of fields and are all kept.
    """
    if isinstance(node, dict):
        return {
            key: _without_metadata(value, names=key == "properties" and not names)
            for key, value in node.items()
            if names or key not in _METADATA
        }
    if isinstance(node, list):
        return [_without_metadata(value) for value in node]
    return node
