"""Whether a dataset is enabled for Real-Time Customer Profile, and what Profile then requires of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from include.aep.client import AepClient
from include.aep.model import Dataset
from include.json_types import JsonMapping
from include.xdm.mapping.destinations import Names
from include.xdm.schema.xdm_schema import ProfileUse, XdmSchema

PROFILE_TAGS = ("unifiedProfile", "unifiedIdentity")
"""The tags that enable a dataset for Profile and for Identity Service.

Source: EP:profile/tutorials/dataset-configuration.md.
"""
ENABLED = "enabled:true"


def is_enabled(tags: Mapping[str, object], name: str = PROFILE_TAGS[0]) -> bool:
    """Return whether a dataset's ``tags`` enable it for Profile, or for the service of the tag ``name``.

    Adobe's specification also writes the value as ``enabled: true``, with a space.
    """
    values = tags.get(name) or ()
    return isinstance(values, list) and ENABLED in [str(value).replace(" ", "") for value in values]


def enabled_tags(tags: Mapping[str, object]) -> dict[str, list[str]]:
    """Return the tags that a dataset with the tags ``tags`` still needs for Profile; empty if it has them all."""
    return {name: [ENABLED] for name in PROFILE_TAGS if not is_enabled(tags, name)}


def identity_descriptors(descriptors: Sequence[JsonMapping]) -> tuple[JsonMapping, ...]:
    """Return the identity descriptors among a schema's descriptors."""
    return tuple(d for d in descriptors if d.get("@type") == "xdm:descriptorIdentity")


def primary_descriptor(descriptors: Sequence[JsonMapping]) -> JsonMapping | None:
    """Return the descriptor of the primary identity among a schema's descriptors; None if the schema has none."""
    return next((d for d in identity_descriptors(descriptors) if d.get("xdm:isPrimary") is True), None)


def descriptor_path(descriptor: JsonMapping) -> Names:
    """Return the path of the field that a descriptor describes, as names without the prefix ``xdm:``.

    Resolved schemas in Compatibility Mode omit this prefix as well.
    """
    path = str(descriptor.get("xdm:sourceProperty", ""))
    return tuple(part.removeprefix("xdm:") for part in path.strip("/").split("/"))


def descriptor_namespace(descriptor: JsonMapping) -> str:
    """Return the namespace code in an identity descriptor; "" if the descriptor has none."""
    return str(descriptor.get("xdm:namespace", ""))


def profile_use(descriptors: Sequence[JsonMapping]) -> ProfileUse:
    """Return where Profile expects the primary identity of a row: in the field that a descriptor marks as primary.

    If no descriptor does, the result states that the primary identity is in ``identityMap``.
    """
    primary = primary_descriptor(descriptors)
    return (
        ProfileUse(descriptor_path(primary), descriptor_namespace(primary))
        if primary is not None
        else ProfileUse()
    )


def dataset_schema(aep: AepClient, dataset: Dataset, *, profile: bool | None) -> XdmSchema:
    """Return the current schema of a dataset; with Profile's requirements if the dataset is or will be enabled for it.

    ``profile``: ``aep.profile`` of the pipeline file; True if setup enables the dataset.
    """
    schema_id = dataset["schemaRef"]["id"]
    schema = XdmSchema(aep.registry.resolved_schema(schema_id))
    if not profile and not is_enabled(dataset["tags"]):
        return schema
    return schema.for_profile(profile_use(aep.registry.descriptors(schema_id)))
