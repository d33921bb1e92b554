"""Check one subject for the command ``check`` in each function, and return a sentence about the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from include.aep.profile import dataset_schema, is_enabled
from include.aep.profile_batches import profile_batches
from include.aep.setup import SetupRequirements, plan_setup, read_field_group, read_state
from include.cli.check_time import check_time
from include.cli.project import Project
from include.errors import ConfigError, WrongProject
from include.lake.lake import Lake
from include.lake.lake_checks import check_access, is_public
from include.lake.lake_id import check_lake_id, read_lake_id
from include.lake.signing_keys import SIGNING_KEYS_ENVIRONMENT
from include.lake.stores.folder_permissions import require_private
from include.mixpanel.event_filter import check_events, check_where
from include.mixpanel.export_budget import EXPORTS_AN_HOUR, ExportBudget
from include.plural import counted
from include.quality.aep_json import PROFILE_EVENT_BYTES
from include.xdm.mapping.mapping_file import read_mapping_file
from include.xdm.mapping.mapping_set import bind_for
from include.xdm.schema.xdm_schema import XdmSchema


def _check_airflow(project: Project) -> str:
    if not project.airflow.is_configured:
        return "not found on this machine: its version and its pools are not checked"
    if project.lake_setting.is_from_option and project.connections is not None:
        return "not checked, because --lake and --connections replace its settings"
    return project.airflow.deployment.require_usable()


def _check_mixpanel(project: Project) -> str:
    me, source = project.mixpanel.me(), project.pipeline.mixpanel
    if not me.project_visible:
        raise WrongProject(
            f"The service account cannot see Mixpanel project {project.mixpanel_settings.project_id}.",
            "Correct project_id and region of the connection, or give the account a role in the project.",
        )
    sentence = f"project {me.project_name!r} in {me.timezone or 'a zone that Mixpanel does not report'}"
    if me.timezone in (None, source.timezone):
        return sentence
    if source.time_is == "project_local":
        raise ConfigError(
            f"Mixpanel reports the project's zone as {me.timezone}, but the pipeline file has {source.timezone}.",
            "Set mixpanel.timezone in the pipeline file to the zone that Mixpanel reports.",
        )
    return f"{sentence}; the pipeline file has {source.timezone}, which changes nothing if time is UTC"


def _check_export_budget(project: Project) -> str:
    lake, most = project.lake, int(EXPORTS_AN_HOUR.most)
    used = 0
    if lake.exists:
        budget = ExportBudget(lake, project.mixpanel_settings.project_id, project.clock)
        used = budget.used(budget.newest())
    days = project.pipeline.mixpanel.backfill_window_days
    windows = (
        "a backfill requests each day individually (backfill_window_days: 1)"
        if days == 1
        else f"a backfill requests up to {days} days at once (backfill_window_days: {days})"
    )
    return f"{most - used} of the project's {most} exports an hour are free now; {windows}"


def _check_event_filter(project: Project) -> str:
    source, client = project.pipeline.mixpanel, project.mixpanel
    if not source.events and not source.where:
        return "all events are exported"
    last = project.newest_days(1)[1]
    sentence = "all events"
    if source.events:
        checked = check_events(client, source, project.pipeline.start_date, last)
        sentence = f"Mixpanel has {len(checked.existing)} of {counted(len(source.events), 'event')} of the pipeline file"
        if checked.unchecked:
            sentence += f"; {len(checked.unchecked)} were not checked, to save the export budget"
    if source.where:
        check_where(client, source, last)
        sentence += "; it accepts the filter where"
    return sentence


def _check_aep(project: Project) -> str:
    aep, target = project.aep, project.pipeline.aep
    if target.field_group is not None:
        read_field_group(target.field_group)
    tenant = aep.registry.tenant_id()
    found = aep.catalog.find_dataset(target.dataset)
    if found is None:
        return f"tenant {tenant}; dataset {target.dataset!r} does not exist yet, apply creates it"
    schema = aep.registry.find_schema(target.schema_name)
    if schema is None or found["schemaRef"]["id"] != schema["$id"]:
        raise ConfigError(
            f"Dataset {target.dataset!r} has another schema than {target.schema_name!r}: "
            f"{found['schemaRef']['id'] or 'none'}.",
            "Write the dataset's own schema in aep.schema, or name another dataset in aep.dataset.",
        )
    return f"tenant {tenant}, dataset {target.dataset!r}"


def _check_owner(project: Project) -> str:
    name = project.pipeline.aep.dataset
    dataset = project.aep.catalog.find_dataset(name)
    if dataset is None:
        return f"dataset {name!r} does not exist yet"
    project.owner.require_owner(dataset)
    check_lake_id(project.lake, dataset)
    project.owner.require_retagging(dataset, project.pipeline.aep.formerly)
    if (former := project.owner.other_pipeline(dataset)) is not None:
        return (
            f"dataset {name!r} is tagged with pipeline {former}, as set in aep.formerly; apply assigns it to this pipeline, "
            "and until then runs replace nothing"
        )
    if missing := project.owner.missing_tags(dataset["tags"]):
        return f"dataset {name!r} is not tagged with {', '.join(missing)} of this pipeline; apply tags it"
    return f"dataset {name!r} belongs to this pipeline, lake and Mixpanel project"


def _check_setup(project: Project) -> str:
    requirements = SetupRequirements.of(project.pipeline)
    missing = plan_setup(read_state(project.aep, requirements), requirements).changes
    if not missing:
        return "AEP has everything that the pipeline needs"
    return f"AEP needs {len(missing)} changes for this pipeline; plan shows them, apply makes them"


def _check_lake(project: Project) -> str:
    lake = project.lake
    if not lake.exists:
        return f"{lake.url} does not exist yet; apply creates it. {_describe_signing(lake)}"
    if lake.root is not None:
        require_private(lake.root)
    check_access(lake)
    sentence = f"{lake.url} enforces create-only puts"
    if lake.on_this_machine:
        return f"{sentence}; {_describe_signing(lake)}"
    if is_public(lake):
        raise ConfigError(
            f"Anyone can read the lake {lake.url}, including every event, without credentials.",
            "Block public access to the bucket (docs/security.md describes the settings).",
        )
    return f"{sentence}, and is not publicly readable; {_describe_signing(lake)}"


def _describe_signing(lake: Lake) -> str:
    if lake.signing_keys is not None:
        read_lake_id(lake)
        return f"records are signed with the key {next(iter(lake.signing_keys.keys))}"
    return (
        f"records are not signed, because {SIGNING_KEYS_ENVIRONMENT} is not set: other writers to the lake can have their rows "
        "loaded"
    )


def _check_mapping(project: Project) -> str:
    pipeline = project.pipeline
    rows = read_mapping_file(pipeline.mapping)
    schema = _find_schema(project)
    if schema is None:
        return (
            f"{pipeline.mapping} has {counted(len(rows), 'mapping')}, to be checked once AEP has the schema"
        )
    schema.require_event()
    bound = bind_for(pipeline, rows, schema)
    return (
        f"{pipeline.mapping} fits schema {schema.title!r}: it fills {counted(len(bound.mappings), 'field')}"
    )


def _find_schema(project: Project) -> XdmSchema | None:
    """Return the schema that runs use, or None if AEP does not have it yet.

    If the dataset exists, the schema includes Profile's requirements.
    """
    pipeline, aep = project.pipeline, project.aep
    dataset = aep.catalog.find_dataset(pipeline.aep.dataset)
    if dataset is not None:
        return dataset_schema(aep, dataset, profile=pipeline.aep.profile)
    found = aep.registry.find_schema(pipeline.aep.schema_name)
    return XdmSchema(aep.registry.resolved_schema(str(found["$id"]))) if found is not None else None


def _check_profile(project: Project) -> str:
    target = project.pipeline.aep
    dataset = project.aep.catalog.find_dataset(target.dataset)
    requirement = "has aep.profile: true" if target.profile else "does not have aep.profile: true"
    if dataset is None:
        return f"dataset {target.dataset!r} does not exist yet, and the pipeline file {requirement}"
    if not is_enabled(dataset["tags"]):
        more = "; apply enables it" if target.profile else ""
        return f"dataset {target.dataset!r} is not enabled for Profile, and the pipeline file {requirement}{more}"
    if target.profile is False:
        raise ConfigError(
            f"Dataset {target.dataset!r} is enabled for Profile (its tag unifiedProfile), but the pipeline file has "
            "profile: false.",
            "Remove aep.profile or set it to true, or choose a dataset that is not enabled.",
        )
    use = dataset_schema(project.aep, dataset, profile=True).profile
    primary = (
        "an identity"
        if use is None or use.primary is None
        else f"{'.'.join(use.primary)}, their primary identity"
    )
    return (
        f"dataset {target.dataset!r} is enabled for Profile: events without {primary}, and events above "
        f"{PROFILE_EVENT_BYTES} bytes, are quarantined; {profile_batches(project.pipeline, project.neighbours(), project.aep)}"
    )


CHECKS: Mapping[str, Callable[[Project], str]] = {
    "Airflow": _check_airflow,
    "Mixpanel": _check_mixpanel,
    "exports": _check_export_budget,
    "events": _check_event_filter,
    "AEP": _check_aep,
    "owner": _check_owner,
    "setup": _check_setup,
    "lake": _check_lake,
    "mapping": _check_mapping,
    "Profile": _check_profile,
    "time": check_time,
}
"""The checks by subject, in the order in which they run. A check that fails raises a ``PipelineError``."""
