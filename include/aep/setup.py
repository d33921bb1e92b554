"""Makes what a pipeline needs in AEP and is not there: namespaces, field group, schema, descriptors, dataset.

Everything is looked for before it is made, by the name that AEP keeps unique: run twice, it changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from include.config.model import Pipeline
from include.errors import ConfigError, SchemaError
from include.xdm.mapping import TENANT, read_mapping_file, split_path
from include.xdm.schema import EXPERIENCE_EVENT

FIELD_GROUPS = Path(__file__).parents[1] / "pipelines" / "field_groups"
IDENTITY_MAP = "https://ns.adobe.com/xdm/context/identitymap"


class Registry(Protocol):
    """What setup needs of the Schema Registry."""

    def tenant_id(self) -> str: ...
    def find_by_title(self, kind: str, title: str) -> Mapping[str, Any] | None: ...
    def create(self, kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]: ...
    def patch(self, kind: str, resource_id: str, operations: list[dict[str, Any]]) -> Mapping[str, Any]: ...
    def descriptors(self, schema_id: str) -> list[Mapping[str, Any]]: ...
    def create_descriptor(self, body: Mapping[str, Any]) -> Mapping[str, Any]: ...


class Identity(Protocol):
    def codes(self) -> set[str]: ...
    def create(self, code: str, name: str, id_type: str, description: str) -> None: ...


class Catalog(Protocol):
    def find_dataset(self, name: str) -> Mapping[str, Any] | None: ...
    def create_dataset(self, body: Mapping[str, Any]) -> str: ...


@dataclass
class SetupResult:
    """What was made, one sentence each; empty when everything was there."""

    dataset_id: str = ""
    schema_id: str = ""
    changes: list[str] = field(default_factory=list)


def setup_pipeline(
    pipeline: Pipeline, registry: Registry, identity: Identity, catalog: Catalog
) -> SetupResult:
    """Makes what is missing.

    Raises:
        ConfigError: the schema is missing and the pipeline names no field group to make it of.
        SchemaError: the dataset is there with another schema.
    """
    result = SetupResult()
    _namespaces(pipeline, identity, result)
    schema = _schema(pipeline, registry, result)
    result.schema_id = str(schema["$id"])
    _descriptors(pipeline, registry, result)
    if pipeline.aep.profile and "union" not in (schema.get("meta:immutableTags") or []):
        registry.patch(
            "schemas", result.schema_id, [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
        )
        result.changes.append(f"enabled schema {pipeline.aep.schema_name!r} for Profile")
    _dataset(pipeline, catalog, result)
    return result


def _namespaces(pipeline: Pipeline, identity: Identity, result: SetupResult) -> None:
    there = identity.codes()
    for source, code in pipeline.identities.items():
        if code not in there:
            kind = "Device" if "device" in source else "Cross_device"
            identity.create(code, code, kind, f"Mixpanel {source}")
            there.add(code)
            result.changes.append(f"created identity namespace {code}")


def _schema(pipeline: Pipeline, registry: Registry, result: SetupResult) -> Mapping[str, Any]:
    title = pipeline.aep.schema_name
    found = registry.find_by_title("schemas", title)
    if found is not None:
        return found
    group = _field_group(pipeline, registry, result)
    body = {
        "title": title,
        "description": f"Mixpanel events of pipeline {pipeline.name}.",
        "type": "object",
        "allOf": [{"$ref": EXPERIENCE_EVENT}, {"$ref": IDENTITY_MAP}, {"$ref": str(group["$id"])}],
    }
    result.changes.append(f"created schema {title!r}")
    return registry.create("schemas", body)


def _field_group(pipeline: Pipeline, registry: Registry, result: SetupResult) -> Mapping[str, Any]:
    if pipeline.aep.field_group is None:
        raise ConfigError(
            f"There is no schema {pipeline.aep.schema_name!r} in AEP, and pipeline {pipeline.name} names no field group.",
            "Create the schema in AEP, or write aep.field_group with a file of include/pipelines/field_groups.",
        )
    path = FIELD_GROUPS / pipeline.aep.field_group
    if not path.is_file():
        raise ConfigError(f"There is no file {pipeline.aep.field_group} in include/pipelines/field_groups.")
    definition = json.loads(path.read_text(encoding="utf-8"))
    found = registry.find_by_title("fieldgroups", definition["title"])
    if found is not None:
        return found
    tenant = f"_{registry.tenant_id()}"
    body = {
        "title": definition["title"],
        "description": definition.get("description", ""),
        "type": "object",
        "meta:intendedToExtend": [EXPERIENCE_EVENT],
        "definitions": {
            "customFields": {
                "type": "object",
                "properties": {tenant: {"type": "object", "properties": definition["properties"]}},
            }
        },
        "allOf": [{"$ref": "#/definitions/customFields", "type": "object", "meta:xdmType": "object"}],
    }
    result.changes.append(f"created field group {definition['title']!r}")
    return registry.create("fieldgroups", body)


def _descriptors(pipeline: Pipeline, registry: Registry, result: SetupResult) -> None:
    """An identity descriptor for each field that carries an identity; primary only where Profile needs one."""
    tenant = f"_{registry.tenant_id()}"
    there = {
        str(descriptor.get("xdm:sourceProperty")) for descriptor in registry.descriptors(result.schema_id)
    }
    fields = _identity_fields(pipeline, tenant)
    for number, (source, code) in enumerate(pipeline.identities.items()):
        pointer = fields.get(source)
        if pointer is None or pointer in there:
            continue
        registry.create_descriptor(
            {
                "@type": "xdm:descriptorIdentity",
                "xdm:sourceSchema": result.schema_id,
                "xdm:sourceVersion": 1,
                "xdm:sourceProperty": pointer,
                "xdm:namespace": code,
                "xdm:property": "xdm:code",
                "xdm:isPrimary": pipeline.aep.profile and number == 0,
            }
        )
        result.changes.append(f"marked {pointer} as identity {code}")


def _identity_fields(pipeline: Pipeline, tenant: str) -> dict[str, str]:
    """Which field each identity property is mapped to, as a descriptor's path."""
    fields: dict[str, str] = {}
    for row in read_mapping_file(pipeline.mapping):
        source = str(row.get("source", ""))
        for name in pipeline.identities:
            if source in (f"properties.{name}", f"data.{name.removeprefix('$')}"):
                fields[name] = "/" + "/".join(split_path(str(row["destination"]).replace(TENANT, tenant)))
    return fields


def _dataset(pipeline: Pipeline, catalog: Catalog, result: SetupResult) -> None:
    found = catalog.find_dataset(pipeline.aep.dataset)
    if found is not None:
        if found["schemaRef"]["id"] != result.schema_id:
            raise SchemaError(
                f"Dataset {pipeline.aep.dataset!r} has another schema than {pipeline.aep.schema_name!r}.",
                "Name the dataset's own schema in the pipeline file, or choose another dataset.",
            )
        result.dataset_id = str(found["id"])
        return
    tags = (
        {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
        if pipeline.aep.profile
        else {}
    )
    result.dataset_id = catalog.create_dataset(
        {
            "name": pipeline.aep.dataset,
            "description": f"Mixpanel events of pipeline {pipeline.name}.",
            "schemaRef": {"id": result.schema_id, "contentType": "application/vnd.adobe.xed+json;version=1"},
            "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
            "enableErrorDiagnostics": True,
            "tags": tags,
        }
    )
    result.changes.append(f"created dataset {pipeline.aep.dataset!r}")
