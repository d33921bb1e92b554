"""Makes what a pipeline needs in AEP and is not there: namespaces, field group, schema, descriptors, dataset.

Everything is looked for before it is made, by the name that AEP keeps unique: run twice, it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from include.aep.catalog import Catalog
from include.aep.client import AepClient
from include.aep.identity import Identity
from include.aep.ownership import Ownership
from include.aep.plan import FieldGroupPlan, apply_field_group, plan_field_group, refers_to
from include.aep.registry import Registry
from include.config.model import Pipeline
from include.errors import ConfigError, SchemaError
from include.lake.lake import Lake
from include.xdm.destinations import TENANT
from include.xdm.language.paths import parse_path
from include.xdm.mapping_file import read_mapping_file
from include.xdm.schema import EXPERIENCE_EVENT

IDENTITY_MAP = "https://ns.adobe.com/xdm/context/identitymap"


@dataclass
class SetupResult:
    """What was made, one clause each; ``changes`` is empty when everything was there. ``notes``: what was left alone,
    one sentence each."""

    dataset_id: str = ""
    schema_id: str = ""
    changes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def setup_pipeline(
    pipeline: Pipeline,
    aep: AepClient,
    lake: Lake | None = None,
    *,
    source: str | None = None,
    pipelines: Iterable[str] = (),
) -> SetupResult:
    """Makes what is missing, and lets the field group grow by what its file has beside it.

    With a ``lake`` it gets an id, and the dataset a tag with it. ``source`` is the Mixpanel project as
    ``<region>/<project id>``, ``pipelines`` the names of all pipeline files; see :class:`Ownership`.

    Raises:
        ConfigError: the schema is missing and the pipeline names no field group to make it of.
        SchemaError: the dataset is there with another schema; or the field group file changes a field that is there,
            and then nothing is sent.
        ForeignLake, AnotherSource, AnotherPipeline: the dataset's tags name another owner; nothing is sent.
        UnsafeStore, LakeError, AccessDenied: the lake cannot be written safely; nothing is sent.
    """
    result = SetupResult()
    owner = Ownership(pipeline.name, lake, source, frozenset(pipelines))
    owner.require(aep.catalog.find_dataset(pipeline.aep.dataset))
    if lake is not None:
        lake.check_writable()
    group = plan_field_group(pipeline, aep.registry)
    _namespaces(pipeline, aep.identity, result)
    group_id = _field_group(group, aep.registry, result) if group else None
    result.schema_id = _schema(pipeline, aep.registry, group_id, result)
    _descriptors(pipeline, aep.registry, result)
    if pipeline.aep.profile:
        _enable_for_profile(pipeline, aep.registry, result)
    _dataset(pipeline, aep.catalog, result, owner)
    return result


def _namespaces(pipeline: Pipeline, identity: Identity, result: SetupResult) -> None:
    there = identity.codes()
    for source, code in pipeline.namespaces.items():
        if code not in there:
            kind = "DEVICE" if "device" in source else "CROSS_DEVICE"
            identity.create(code, code, kind, f"Mixpanel {source}")
            there.add(code)
            result.changes.append(f"created identity namespace {code}")


def _schema(pipeline: Pipeline, registry: Registry, group_id: str | None, result: SetupResult) -> str:
    name = pipeline.aep.schema_name
    found = find_schema(pipeline, registry)
    if found is not None:
        schema_id = str(found["$id"])
        if group_id and not refers_to(found, group_id):
            registry.patch(
                "schemas", schema_id, [{"op": "add", "path": "/allOf/-", "value": {"$ref": group_id}}]
            )
            result.changes.append(f"added the field group to schema {name!r}")
        return schema_id
    if group_id is None:
        raise ConfigError(
            f"AEP has no schema {name!r}, and pipeline {pipeline.name} names no field group.",
            "Create the schema in AEP, or write aep.field_group with a file of include/pipelines/field_groups.",
        )
    created = registry.create(
        "schemas",
        {
            "title": name,
            "description": f"Mixpanel events of pipeline {pipeline.name}.",
            "type": "object",
            "allOf": [{"$ref": EXPERIENCE_EVENT}, {"$ref": IDENTITY_MAP}, {"$ref": group_id}],
        },
    )
    result.changes.append(f"created schema {name!r}")
    return str(created["$id"])


def find_schema(pipeline: Pipeline, registry: Registry) -> Mapping[str, Any] | None:
    """The pipeline's schema as it was written, named by its title or its ``$id``; None where a title is not there.

    Raises:
        NotFound: there is none of this ``$id``.
    """
    name = pipeline.aep.schema_name
    return (
        registry.get("schemas", name)
        if name.startswith("https://")
        else registry.find_by_title("schemas", name)
    )


def _field_group(plan: FieldGroupPlan, registry: Registry, result: SetupResult) -> str:
    group_id = apply_field_group(plan, registry)
    if plan.group_id is None:
        result.changes.append(f"created field group {plan.title!r}")
    elif plan.added:
        result.changes.append(f"added to field group {plan.title!r}: {_listed(plan.added)}")
    if plan.loosened:
        result.changes.append(f"loosened in field group {plan.title!r}: {_listed(plan.loosened)}")
    result.notes += plan.notes
    return group_id


def _listed(fields: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{path} ({what})" for path, what in fields)


def _descriptors(pipeline: Pipeline, registry: Registry, result: SetupResult) -> None:
    """An identity descriptor for each field that carries an identity; primary only where Profile needs one."""
    there = {str(found.get("xdm:sourceProperty")) for found in registry.descriptors(result.schema_id)}
    fields = _identity_fields(pipeline, f"_{registry.tenant_id()}")
    for number, (source, code) in enumerate(pipeline.namespaces.items()):
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
        for name in pipeline.identity_properties:
            if source in (f"properties.{name}", f"data.{name.removeprefix('$')}"):
                path = parse_path(str(row["destination"]).replace(TENANT, tenant))
                fields[name] = "/" + "/".join(map(str, path))
    return fields


def _dataset(pipeline: Pipeline, catalog: Catalog, result: SetupResult, owner: Ownership) -> None:
    found = catalog.find_dataset(pipeline.aep.dataset)
    if found is not None:
        if found["schemaRef"]["id"] != result.schema_id:
            raise SchemaError(
                f"Dataset {pipeline.aep.dataset!r} has another schema than {pipeline.aep.schema_name!r}.",
                "Name the dataset's own schema in the pipeline file, or choose another dataset.",
            )
        result.dataset_id = found["id"]
        result.changes += owner.tag(catalog, found)
        return
    profile = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
    result.dataset_id = catalog.create_dataset(
        {
            "name": pipeline.aep.dataset,
            "description": f"Mixpanel events of pipeline {pipeline.name}.",
            "schemaRef": {"id": result.schema_id, "contentType": "application/vnd.adobe.xed+json;version=1"},
            "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
            "enableErrorDiagnostics": True,
            "tags": (profile if pipeline.aep.profile else {}) | owner.new_tags({}),
        }
    )
    result.changes.append(f"created dataset {pipeline.aep.dataset!r}")
