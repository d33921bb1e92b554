"""Reads and changes schemas, field groups and descriptors with AEP's Schema Registry.

Source: AdobeDocs/experience-platform-apis, schema-registry.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from include.aep.http import AepHttp, endless_list, response_objects
from include.errors import NotFound, SchemaError
from include.http.response import Response
from include.json_types import JsonMapping, JsonObject
from include.xdm.schema.resolve import needs_resolving, resolve

_BASE = ("data", "foundation", "schemaregistry")
_SUMMARY = "application/vnd.adobe.xed-id+json"
_AS_WRITTEN = "application/vnd.adobe.xed+json; version=1"
_RESOLVED = "application/vnd.adobe.xed-full+json; version=1"  # only major version 1 exists
_DESCRIPTORS = "application/vnd.adobe.xdm-v2+json"
_MOST_PAGES = 1000
_OF_ADOBE = "https://ns.adobe.com/"
_ALT_ID = re.compile(r"_[A-Za-z0-9]+\.schemas\.[0-9a-f]+")
_KINDS = ("fieldgroups", "datatypes", "classes", "behaviors", "schemas")
_TITLED = ("schemas", "fieldgroups", "datatypes", "classes")
_NOT_IN_A_FILTER = frozenset(",=<>!~()&|")


class SchemaRegistry:
    """Reads, creates and changes the schemas, field groups and descriptors of the organization, and reads Adobe's own.

    The methods have these arguments in common. ``kind``: the kind of resource as in the URL, such as ``schemas`` or
    ``fieldgroups``. ``container``: ``tenant`` for the organization's resources, ``global`` for Adobe's.
    """

    def __init__(self, http: AepHttp) -> None:
        self._http = http
        self._tenant: str | None = None

    def tenant_id(self) -> str:
        """Return the organization's tenant id, without the underscore that precedes it in field names.

        Raises:
            SchemaError: the response does not contain the tenant id.
        """
        if self._tenant is not None:
            return self._tenant
        tenant = self._http.get((*_BASE, "stats"), "read the tenant id", Response.json_object).get("tenantId")
        if not isinstance(tenant, str) or not tenant:
            raise SchemaError(
                "AEP returned no tenant id for the organization of the connection.",
                "Correct extra org_id of the connection, or ask Adobe whether the organization is entitled to AEP.",
            )
        self._tenant = tenant.removeprefix("_")
        return self._tenant

    def find_by_title(self, kind: str, title: str) -> JsonObject | None:
        """Return the organization's resource with exactly this title, with unresolved references, or None."""
        found = self.ids_by_title(kind, title)
        return self.get(kind, found[0]) if found else None

    def find_schema(self, name: str) -> JsonObject | None:
        """Return the schema with this title, ``$id`` or ``meta:altId``, with unresolved references.

        None if ``name`` is a title that no schema has.

        Raises:
            SchemaError: no schema has this ``$id`` or ``meta:altId``.
        """
        if not name.startswith(_OF_ADOBE) and not _ALT_ID.fullmatch(name):
            return self.find_by_title("schemas", name)
        try:
            return self.get("schemas", name)
        except NotFound:
            raise SchemaError(
                f"AEP has no schema with the id {name}.",
                "Copy the id from AEP again, and check extra aep_sandbox of the connection.",
            ) from None

    def ids_by_title(self, kind: str, title: str, container: str = "tenant") -> list[str]:
        """Return the ``$id`` of each resource of a kind with exactly this title."""
        # The server's filter saves pages. Its syntax has no escapes, so the client compares the titles itself.
        params = {"orderby": "title", "limit": "300"}
        if not set(title) & _NOT_IN_A_FILTER:
            params["property"] = f"title=={title}"
        entries = self._pages(kind, f"find {kind} by title", params, _SUMMARY, container)
        return [
            str(entry["$id"])
            for entry in entries
            if entry.get("title") == title and isinstance(entry.get("$id"), str)
        ]

    def kinds_with_title(self, title: str) -> list[str]:
        """Return the kinds in which a resource of the organization has this title."""
        return [kind for kind in _TITLED if self.ids_by_title(kind, title)]

    def titles(self, kind: str, container: str) -> dict[str, list[str]]:
        """Return the ``$id``s of all resources of a kind in a container, by title; several may have the same title."""
        found: dict[str, list[str]] = {}
        params = {"orderby": "title", "limit": "300"}
        for entry in self._pages(kind, f"list {kind}", params, _SUMMARY, container):
            if isinstance(entry.get("$id"), str):
                found.setdefault(str(entry.get("title")), []).append(entry["$id"])
        return found

    def get(self, kind: str, resource_id: str) -> JsonObject:
        """Return a schema or field group of the organization as written, with unresolved references in ``allOf``.

        Raises:
            NotFound: no resource has this id.
        """
        return self._look_up(kind, resource_id, _AS_WRITTEN)

    def resolved_schema(self, schema_id: str) -> JsonObject:
        """Return a schema with all references resolved, as one JSON Schema in Compatibility Mode.

        References that the registry's response still contains are resolved here, with further requests to the registry.

        Raises:
            NotFound: no schema has this id.
            SchemaError: the schema refers to something that is not in the registry.
        """
        return self.resolved("schemas", schema_id)

    def resolved(self, kind: str, resource_id: str) -> JsonObject:
        """Return a schema, field group or class of the organization or of Adobe with all references resolved.

        Raises:
            NotFound: no resource has this id.
            SchemaError: the resource refers to another resource that is not in the registry.
        """
        document = self._look_up(kind, resource_id, _RESOLVED, self._container(resource_id))
        return resolve(document, self.resource) if needs_resolving(document) else document

    def _container(self, resource_id: str) -> str:
        is_own = not resource_id.startswith(_OF_ADOBE) or resource_id.startswith(
            f"{_OF_ADOBE}{self.tenant_id()}/"
        )
        return "tenant" if is_own else "global"

    def resource(self, resource_id: str) -> JsonObject:
        """Return the resource of any kind that a ``$ref`` refers to, with unresolved references.

        Raises:
            SchemaError: the registry does not have the resource; it is not requested from any other server.
        """
        if resource_id.startswith(_OF_ADOBE):
            container = self._container(resource_id)
            for kind in _KINDS:
                try:
                    return self._look_up(kind, resource_id, _AS_WRITTEN, container)
                except NotFound:
                    continue
        raise SchemaError(
            f"The schema refers to {resource_id!r}, which is not in the Schema Registry.",
            "A user with the permission Manage Schemas must correct the field group or data type that refers to it in AEP.",
        )

    def create(self, kind: str, body: JsonMapping) -> JsonObject:
        """Create a schema or field group and return AEP's response, which contains its ``$id``.

        Raises:
            AlreadyExists: its title is in use.
        """
        return self._send("POST", (kind,), f"create an entry of {kind}", body)

    def patch(self, kind: str, resource_id: str, operations: Sequence[JsonMapping]) -> JsonObject:
        """Apply the JSON Patch ``operations`` to a resource and return the result.

        Once a dataset with rows uses the schema, AEP only accepts additions.
        """
        return self._send("PATCH", (kind, resource_id), f"change an entry of {kind}", list(operations))

    def create_descriptor(self, body: JsonMapping) -> JsonObject:
        """Create a descriptor, such as that of an identity, and return AEP's response, which contains its ``@id``."""
        return self._send("POST", ("descriptors",), "create a descriptor", body)

    def descriptors(self, schema_id: str | None = None) -> list[JsonObject]:
        """Return the descriptors of the schema ``schema_id``, or of all schemas if ``schema_id`` is None."""
        found = self._pages("descriptors", "list descriptors", {}, _DESCRIPTORS)
        return [d for d in found if schema_id is None or d.get("xdm:sourceSchema") == schema_id]

    def _pages(
        self, kind: str, what: str, params: dict[str, str], accept: str, container: str = "tenant"
    ) -> Iterator[JsonObject]:
        start: str | None = None
        for _ in range(_MOST_PAGES):
            query = params | ({"start": start} if start else {})
            found, following = self._http.get((*_BASE, container, kind), what, _page, query, accept)
            yield from found
            start, previous = following, start
            if not start or start == previous:
                return
        raise endless_list(what)

    def _look_up(self, kind: str, resource_id: str, accept: str, container: str = "tenant") -> JsonObject:
        path = (*_BASE, container, kind, resource_id)
        return self._http.get(path, f"look up an entry of {kind}", Response.json_object, accept=accept)

    def _send(self, method: str, path: tuple[str, ...], what: str, body: object) -> JsonObject:
        return self._http.send_json(method, (*_BASE, "tenant", *path), what, body, Response.json_object)


def _page(response: Response) -> tuple[list[JsonObject], str | None]:
    """Return the entries of a page of a list, and the parameter ``start`` of the next page; None on the last page."""
    page = response.json_object().get("_page")
    following = page.get("next") if isinstance(page, dict) else None
    return response_objects(response, "results"), str(following) if following else None
