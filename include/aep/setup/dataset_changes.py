"""Plans the changes to the dataset, and checks that dataset, schema and titles in AEP agree with the pipeline file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from include.aep.catalog import is_dataset_id
from include.aep.load_id import PIPELINE_TAG
from include.aep.profile import enabled_tags
from include.aep.setup import changes as setup_changes
from include.aep.setup.profile import ProfilePlan
from include.aep.setup.requirements import SetupRequirements
from include.aep.setup.state import AepState
from include.errors import ConfigError, DatasetMissing, SchemaError

_HOLDERS = {
    "schemas": "a schema",
    "fieldgroups": "a field group",
    "datatypes": "a data type",
    "classes": "a class",
}


def require_target(state: AepState, requirements: SetupRequirements) -> None:
    """Check that setup can create or use the dataset and the schema that the pipeline file names.

    Raises:
        ConfigError: the schema does not exist, and the pipeline file names no field groups to create it from.
        SchemaError: the dataset has another schema, or a title for a new object is in use.
        DatasetMissing: ``aep.dataset`` is an id, and AEP does not have a dataset with this id.
    """
    target = requirements.pipeline.aep
    if state.dataset is None and is_dataset_id(target.dataset):
        raise DatasetMissing(
            f"AEP has no dataset with the id {target.dataset} (aep.dataset) in the AEP sandbox of connection "
            f"{target.conn_id}.",
            "Correct aep.dataset: the page of a dataset in AEP shows its id. If the dataset is in another AEP sandbox, "
            "correct extra aep_sandbox of the connection. To let setup create a dataset, write its name in aep.dataset, "
            "not an id.",
        )
    schema_id = state.schema["$id"] if state.schema is not None else None
    if state.dataset is not None and state.dataset["schemaRef"]["id"] != schema_id:
        has = state.dataset["schemaRef"]["id"] or "none"
        raise SchemaError(
            f"Dataset {target.dataset!r} has another schema than {target.schema_name!r}: {has}, but aep.schema is "
            f"{schema_id or 'a schema that AEP does not have'}. The schema of a dataset can never be changed.",
            "Write the dataset's schema in aep.schema, by title or $id, or set another dataset in aep.dataset. Nothing "
            "was changed.",
        )
    if state.schema is None and requirements.group is None and not target.field_groups:
        raise ConfigError(
            f"AEP has no schema {target.schema_name!r}. Setup cannot create it, because the file of pipeline "
            f"{requirements.pipeline.name} lists no field groups.",
            "If the schema exists in AEP, correct its title in aep.schema. To let setup create it, list titles of AEP's field "
            "groups in aep.field_groups, or write the name of a file of include/pipelines/field_groups in aep.field_group.",
        )
    new = [target.schema_name] if state.schema is None else []
    if requirements.group_title is not None and state.group is None:
        if requirements.group_title in new:
            raise _title_in_use(requirements.group_title, "the field group file of the same pipeline")
        new.append(requirements.group_title)
    for title in new:
        if holders := state.titles.get(title):
            raise _title_in_use(title, " and ".join(_HOLDERS.get(kind, kind) for kind in holders))


def _title_in_use(title: str, holder: str) -> SchemaError:
    return SchemaError(
        f"The title {title!r} is in use: AEP requires unique titles across schemas, field groups, data types and "
        f"classes, and {holder} has it.",
        "Choose another title in aep.schema or in the field group file, or ask a user with the permission Manage Schemas "
        "in AEP to rename the other object.",
    )


def dataset_changes(
    state: AepState, requirements: SetupRequirements, profile: ProfilePlan, tags: Mapping[str, str]
) -> Iterator[setup_changes.Change]:
    """Yield the change that creates the dataset; if it exists, the changes that enable it for Profile and tag it.

    ``tags``: the missing ownership tags, each with a clause about its new value; see ``plan_setup``.
    """
    name, found = requirements.pipeline.aep.dataset, state.dataset
    profile_tags = enabled_tags(found["tags"] if found is not None else {}) if profile.enable_dataset else {}
    what = f"dataset {name!r}"
    if found is None:
        also = ", enabled for Profile" if profile_tags else ""
        details = tuple((f"tag {tag}", clause) for tag, clause in tags.items())
        yield setup_changes.CreateDataset(
            f"create {what}{also}",
            f"created {what}{also}",
            "aep.dataset",
            details,
            name=name,
            description=f"Mixpanel events of pipeline {requirements.pipeline.name}.",
            tags=profile_tags,
        )
        return
    if profile_tags:
        yield setup_changes.EnableDataset(
            f"enable {what} for Profile",
            f"enabled {what} for Profile",
            "aep.profile",
            tuple((f"tag {tag}", "enabled:true") for tag in profile_tags),
            dataset=found,
            tags=profile_tags,
        )
        found = {**found, "tags": {**found["tags"], **profile_tags}}
    if tags:
        yield setup_changes.TagDataset(
            f"tag {what}",
            f"tagged {what} with " + "; ".join(f"{tag}: {clause}" for tag, clause in tags.items()),
            "aep.formerly"
            if found["tags"].get(PIPELINE_TAG) and PIPELINE_TAG in tags
            else "the name, lake and Mixpanel connection of the pipeline",
            tuple((f"tag {tag}", clause) for tag, clause in tags.items()),
            dataset=found,
        )
