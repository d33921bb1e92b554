"""Makes what a pipeline needs in AEP and is not there: namespaces, field group, schema, descriptors, dataset.

Everything is looked for before it is made, by the name that AEP keeps unique: run twice, it changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from include.aep.catalog import Catalog
from include.aep.client import AepClient
from include.aep.identity import Identity
from include.aep.registry import Registry
from include.config.model import Pipeline
from include.errors import ConfigError, SchemaError
from include.xdm.destinations import TENANT
from include.xdm.language.paths import parse_path
from include.xdm.mapping_file import read_mapping_file
from include.xdm.schema import EXPERIENCE_EVENT

FIELD_GROUPS = Path(__file__).parents[1] / "pipelines" / "field_groups"
IDENTITY_MAP = "https://ns.adobe.com/xdm/context/identitymap"


@dataclass
class SetupResult:
    """What was made, one clause each; ``changes`` is empty when everything was there."""

    dataset_id: str = ""
    schema_id: str = ""
    changes: list[str] = field(default_factory=list)


def setup_pipeline(pipeline: Pipeline, aep: AepClient) -> SetupResult:
    """Makes what is missing.

    Raises:
        ConfigError: the schema is missing and the pipeline names no field group to make it of.
        SchemaError: the dataset is there with another schema.
    """
    result = SetupResult()
    _namespaces(pipeline, aep.identity, result)
    result.schema_id = _schema(pipeline, aep.registry, result)
    _descriptors(pipeline, aep.registry, result)
    if pipeline.aep.profile:
        _enable_for_profile(pipeline, aep.registry, result)
    _dataset(pipeline, aep.catalog, result)
    return result


def _namespaces(pipeline: Pipeline, identity: Identity, result: SetupResult) -> None:
    there = identity.codes()
    for source, code in pipeline.identities.items():
        if code not in there:
            kind = "DEVICE" if "device" in source else "CROSS_DEVICE"
            identity.create(code, code, kind, f"Mixpanel {source}")
            there.add(code)
            result.changes.append(f"created identity namespace {code}")


def _schema(pipeline: Pipeline, registry: Registry, result: SetupResult) -> str:
    name = pipeline.aep.schema_name
    if name.startswith("https://"):
        return name
    found = registry.find_by_title("schemas", name)
    if found is not None:
        return str(found["$id"])
    group = _field_group(pipeline, registry, result)
    created = registry.create(
        "schemas",
        {
            "title": name,
            "description": f"Mixpanel events of pipeline {pipeline.name}.",
            "type": "object",
            "allOf": [{"$ref": EXPERIENCE_EVENT}, {"$ref": IDENTITY_MAP}, {"$ref": group}],
        },
    )
    result.changes.append(f"created schema {name!r}")
    return str(created["$id"])


def _field_group(pipeline: Pipeline, registry: Registry, result: SetupResult) -> str:
    if pipeline.aep.field_group is None:
        raise ConfigError(
            f"AEP has no schema {pipeline.aep.schema_name!r}, and pipeline {pipeline.name} names no field group.",
            "Create the schema in AEP, or write aep.field_group with a file of include/pipelines/field_groups.",
        )
    path = FIELD_GROUPS / pipeline.aep.field_group
    if not path.is_file():
        raise ConfigError(
            f"There is no file {pipeline.aep.field_group} in include/pipelines/field_groups.",
            f"Correct aep.field_group of pipeline {pipeline.name}, or add the file.",
        )
    definition = json.loads(path.read_text(encoding="utf-8"))
    title = str(definition["title"])
    found = registry.find_by_title("fieldgroups", title)
    if found is not None:
        return str(found["$id"])
    tenant = {"type": "object", "properties": definition["properties"]}
    custom = {"type": "object", "properties": {f"_{registry.tenant_id()}": tenant}}
    created = registry.create(
        "fieldgroups",
        {
            "title": title,
            "description": definition.get("description", ""),
            "type": "object",
            "meta:intendedToExtend": [EXPERIENCE_EVENT],
            "definitions": {"customFields": custom},
            "allOf": [{"$ref": "#/definitions/customFields", "type": "object", "meta:xdmType": "object"}],
        },
    )
    result.changes.append(f"created field group {title!r}")
    return str(created["$id"])


def _descriptors(pipeline: Pipeline, registry: Registry, result: SetupResult) -> None:
    """An identity descriptor for each field that carries an identity; primary only where Profile needs one."""
    there = {str(found.get("xdm:sourceProperty")) for found in registry.descriptors(result.schema_id)}
    fields = _identity_fields(pipeline, f"_{registry.tenant_id()}")
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


def _enable_for_profile(pipeline: Pipeline, registry: Registry, result: SetupResult) -> None:
    if "union" not in (registry.get("schemas", result.schema_id).get("meta:immutableTags") or []):
        union = {"op": "add", "path": "/meta:immutableTags", "value": ["union"]}
        registry.patch("schemas", result.schema_id, [union])
        result.changes.append(f"enabled schema {pipeline.aep.schema_name!r} for Profile")


def _identity_fields(pipeline: Pipeline, tenant: str) -> dict[str, str]:
    """Which field each identity property is mapped to, as a descriptor's path."""
    fields: dict[str, str] = {}
    for row in read_mapping_file(pipeline.mapping):
        source = str(row.get("source", ""))
        for name in pipeline.identities:
            if source in (f"properties.{name}", f"data.{name.removeprefix('$')}"):
                path = parse_path(str(row["destination"]).replace(TENANT, tenant))
                fields[name] = "/" + "/".join(map(str, path))
    return fields


def _dataset(pipeline: Pipeline, catalog: Catalog, result: SetupResult) -> None:
    found = catalog.find_dataset(pipeline.aep.dataset)
    if found is not None:
        if found["schemaRef"]["id"] != result.schema_id:
            raise SchemaError(
                f"Dataset {pipeline.aep.dataset!r} has another schema than {pipeline.aep.schema_name!r}.",
                "Name the dataset's own schema in the pipeline file, or choose another dataset.",
            )
        result.dataset_id = found["id"]
        return
    profile = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
    result.dataset_id = catalog.create_dataset(
        {
            "name": pipeline.aep.dataset,
            "description": f"Mixpanel events of pipeline {pipeline.name}.",
            "schemaRef": {"id": result.schema_id, "contentType": "application/vnd.adobe.xed+json;version=1"},
            "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
            "enableErrorDiagnostics": True,
            "tags": profile if pipeline.aep.profile else {},
        }
    )
    result.changes.append(f"created dataset {pipeline.aep.dataset!r}")
