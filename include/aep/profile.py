"""The requirements of Real-Time Customer Profile for a dataset's rows, by the dataset's current tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from include.aep.client import AepClient
from include.aep.model import Dataset
from include.json_types import JsonMapping
from include.xdm.mapping.destinations import Names
from include.xdm.schema.xdm_schema import ProfileUse, XdmSchema

PROFILE_TAGS = ("unifiedProfile", "unifiedIdentity")
"""The tags that enable a dataset for Profile and for Identity Service (EP:profile/tutorials/dataset-configuration.md)."""
ENABLED = "enabled:true"


def is_enabled(tags: Mapping[str, object], name: str = PROFILE_TAGS[0]) -> bool:
    """Return whether a dataset's tags enable it; Adobe's specification also writes ``enabled: true``, with a space."""
    values = tags.get(name) or ()
    return isinstance(values, list) and ENABLED in [str(value).replace(" ", "") for value in values]


def enabled_tags(tags: Mapping[str, object]) -> dict[str, list[str]]:
    """Return the tags to add to ``tags`` to enable a dataset for Profile; empty if the dataset is already enabled."""
    return {name: [ENABLED] for name in PROFILE_TAGS if not is_enabled(tags, name)}


def identities_of(descriptors: Sequence[JsonMapping]) -> tuple[JsonMapping, ...]:
    """Return the identity descriptors among a schema's descriptors."""
    return tuple(d for d in descriptors if d.get("@type") == "xdm:descriptorIdentity")


def primary_of(descriptors: Sequence[JsonMapping]) -> JsonMapping | None:
    """Return the descriptor of the primary identity; a schema has at most one."""
    return next((d for d in identities_of(descriptors) if d.get("xdm:isPrimary") is True), None)


def names_of(descriptor: JsonMapping) -> Names:
    """Return the names on the path to a descriptor's field, without the prefix ``xdm:`` (as in Compatibility Mode)."""
    path = str(descriptor.get("xdm:sourceProperty", ""))
    return tuple(part.removeprefix("xdm:") for part in path.strip("/").split("/"))


def namespace_of(descriptor: JsonMapping) -> str:
    """Return the namespace code in an identity descriptor; "" if the descriptor has none."""
    return str(descriptor.get("xdm:namespace", ""))


def profile_use(descriptors: Sequence[JsonMapping]) -> ProfileUse:
    """Return the field and namespace of the primary identity in a schema's descriptors; empty without one."""
    primary = primary_of(descriptors)
    return ProfileUse(names_of(primary), namespace_of(primary)) if primary is not None else ProfileUse()


def dataset_schema(aep: AepClient, dataset: Dataset, *, profile: bool | None) -> XdmSchema:
    """Return a dataset's current schema, with Profile's requirements where the dataset is enabled for Profile.

    ``profile``: the pipeline's setting, for a dataset that is yet to be enabled.
    """
    schema_id = dataset["schemaRef"]["id"]
    schema = XdmSchema(aep.registry.resolved_schema(schema_id))
    if not profile and not is_enabled(dataset["tags"]):
        return schema
    return schema.for_profile(profile_use(aep.registry.descriptors(schema_id)))
