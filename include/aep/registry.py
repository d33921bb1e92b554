"""Schema Registry: schemas, field groups, descriptors (AdobeDocs/experience-platform-apis, schema-registry.yaml)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from include.aep.http import AepHttp, JsonObject, items
from include.errors import SchemaError

_BASE = ("data", "foundation", "schemaregistry")
_SUMMARY = "application/vnd.adobe.xed-id+json"
_AS_WRITTEN = "application/vnd.adobe.xed+json; version=1"
_RESOLVED = "application/vnd.adobe.xed-full+json; version=1"  # only major version 1 exists
_DESCRIPTORS = "application/vnd.adobe.xdm-v2+json"
_MOST_PAGES = 1000


@dataclass(frozen=True)
class Resource:
    """A schema or field group in a list; ``id`` is its ``$id``."""

    id: str
    title: str
    version: str


class Registry:
    """The tenant's part of the Schema Registry."""

    def __init__(self, http: AepHttp) -> None:
        self._http = http

    def tenant_id(self) -> str:
        """The tenant id, without the underscore that field names put before it.

        Raises:
            SchemaError: AEP does not tell it.
        """
        stats = self._http.get((*_BASE, "stats"), "tell the tenant id")
        tenant = stats.get("tenantId") if isinstance(stats, dict) else None
        if not isinstance(tenant, str) or not tenant:
            raise SchemaError(
                "AEP does not tell the tenant id of the organization.", "Is it entitled to AEP?"
            )
        return tenant.removeprefix("_")

    def find_schema(self, title: str) -> Resource | None:
        """The schema of exactly this title; titles are unique."""
        return self._find("schemas", title)

    def find_field_group(self, title: str) -> Resource | None:
        """The field group of exactly this title; titles are unique."""
        return self._find("fieldgroups", title)

    def resolved_schema(self, schema_id: str) -> JsonObject:
        """A schema with everything that it refers to in place, as one JSON Schema in Compatibility Mode.

        Raises:
            NotFound: there is no such schema.
        """
        return self._get("schemas", schema_id, _RESOLVED)

    def schema(self, schema_id: str) -> JsonObject:
        """A schema as it was written, with its ``allOf``.

        Raises:
            NotFound: there is no such schema.
        """
        return self._get("schemas", schema_id, _AS_WRITTEN)

    def field_group(self, field_group_id: str) -> JsonObject:
        """A field group as it was written.

        Raises:
            NotFound: there is no such field group.
        """
        return self._get("fieldgroups", field_group_id, _AS_WRITTEN)

    def create_schema(self, body: JsonObject) -> JsonObject:
        """Creates a schema; the answer has its ``$id``.

        Raises:
            AlreadyExists: its title is taken.
        """
        return self._send("POST", ("schemas",), "create a schema", body)

    def create_field_group(self, body: JsonObject) -> JsonObject:
        """Creates a field group; the answer has its ``$id``.

        Raises:
            AlreadyExists: its title is taken.
        """
        return self._send("POST", ("fieldgroups",), "create a field group", body)

    def patch_field_group(self, field_group_id: str, operations: Sequence[JsonObject]) -> JsonObject:
        """Applies JSON Patch ``operations``; once data was loaded only additions are allowed."""
        return self._send(
            "PATCH", ("fieldgroups", field_group_id), "change the field group", list(operations)
        )

    def patch_schema(self, schema_id: str, operations: Sequence[JsonObject]) -> JsonObject:
        """Applies JSON Patch ``operations``: a new field group, or the union tag that Profile wants."""
        return self._send("PATCH", ("schemas", schema_id), "change the schema", list(operations))

    def create_descriptor(self, body: JsonObject) -> JsonObject:
        """Creates a descriptor, such as an identity; the answer has its ``@id``."""
        return self._send("POST", ("descriptors",), "create a descriptor", body)

    def descriptors(self, schema_id: str | None = None) -> list[JsonObject]:
        """All descriptors, or those of one schema."""
        found = self._pages("descriptors", "list descriptors", {}, _DESCRIPTORS)
        return [d for d in found if schema_id is None or d.get("xdm:sourceSchema") == schema_id]

    def _find(self, kind: str, title: str) -> Resource | None:
        # The server's filter saves pages; its notation has no escapes, so the comparison that counts is ours.
        params = {"orderby": "title", "limit": "300"}
        if not set(title) & set(",=<>!~()&|"):
            params["property"] = f"title=={title}"
        for entry in self._pages(kind, f"find {kind} by title", params, _SUMMARY):
            if entry.get("title") == title and isinstance(entry.get("$id"), str):
                return Resource(entry["$id"], title, str(entry.get("version", "")))
        return None

    def _pages(self, kind: str, what: str, params: dict[str, str], accept: str) -> Iterator[JsonObject]:
        start: str | None = None
        for _ in range(_MOST_PAGES):
            page = self._http.get(
                (*_BASE, "tenant", kind), what, params | ({"start": start} if start else {}), accept
            )
            yield from items(page.get("results") if isinstance(page, dict) else None)
            following = page.get("_page") if isinstance(page, dict) else None
            start, previous = (following or {}).get("next"), start
            if not start or start == previous:
                return
        raise SchemaError(f"AEP's list to {what} does not end.")

    def _get(self, kind: str, resource_id: str, accept: str) -> JsonObject:
        return _resource(
            self._http.get((*_BASE, "tenant", kind, resource_id), "look up a schema", accept=accept)
        )

    def _send(self, method: str, path: tuple[str, ...], what: str, body: object) -> JsonObject:
        return _resource(self._http.send_json(method, (*_BASE, "tenant", *path), what, body))


def _resource(body: object) -> JsonObject:
    if not isinstance(body, dict):
        raise SchemaError("AEP answered with something that is not a schema resource.")
    return body
