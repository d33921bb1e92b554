"""Create the text of the pipeline file and of the mapping file of a migration. Pure functions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from include.json_types import JsonMapping
from include.steps.migrate.dataflow import Dataflow
from include.steps.migrate.switch import Switch
from include.xdm.dataprep.language.check import event_paths
from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.paths import parse_path

GENERATED_FIELDS = ("_id", "timestamp")
"""The fields that the pipeline fills itself, so that they need no mapping."""
_MIXPANEL_NAMES = {"user_id": "$user_id", "device_id": "$device_id"}
"""Mixpanel's names of properties that Adobe's source calls differently."""
_DEFAULT_IDENTITY = {"distinct_id": "MixpanelUser"}


@dataclass(frozen=True)
class MigrationOptions:
    """The decisions of the caller: the pipeline's name, its connections, and whether the project's ``time`` is UTC."""

    name: str
    time_is: Literal["utc", "project_local"] = "utc"
    aep_conn_id: str = "aep_default"

    @property
    def mixpanel_conn_id(self) -> str:
        """The id of the Airflow connection for the Mixpanel project."""
        return f"mixpanel_{self.name.replace('-', '_')}"


def pipeline_text(
    flow: Dataflow,
    options: MigrationOptions,
    dataset: JsonMapping,
    switch: Switch,
    identities: Mapping[str, str],
    *,
    profile: bool,
) -> str:
    """Return the text of the pipeline file.

    ``dataset``: the dataflow's dataset in AEP's catalog, with ``name`` and ``schemaRef``. ``identities``: identity
    namespaces by property. ``profile``: whether the dataset is enabled for Profile.
    """
    name = str(dataset["name"]) if switch.in_place else f"{dataset['name']} by day"
    percent = flow.partial_percent
    return (
        f"# Created by mixpanel-aep migrate from Adobe's dataflow\n# {flow.id}.\n"
        "mixpanel:\n"
        f"  conn_id: {options.mixpanel_conn_id}\n"
        f"  timezone: {_quoted(flow.timezone)}\n"
        "  # utc: projects since 1 January 2023; project_local: older ones\n"
        f"  time_is: {options.time_is}\n"
        "aep:\n"
        f"  conn_id: {options.aep_conn_id}\n"
        f"  dataset: {_quoted(name)}\n"
        f"  schema: {_quoted(str(dataset['schemaRef']['id']))}\n"
        + ("  profile: true\n" if profile and switch.in_place else "")
        + f"mapping: {options.name}.json\n"
        "# drop: as the dataflow; docs/discover.md describes how to keep all properties\nunmapped: drop\n"
        f"identities: {json.dumps(dict(identities), ensure_ascii=False)}\n"
        + (
            f"# the dataflow's error threshold\nquality: {{max_quarantined: {percent:g}%}}\n"
            if percent
            else ""
        )
        + f"start_date: {switch.day}\n"
    )


def mapping_text(rows: Sequence[JsonMapping]) -> str:
    """Return the text of the mapping file, one mapping per line, without the fields that the pipeline fills itself."""
    lines = ",\n".join(f"    {json.dumps(dict(row), ensure_ascii=False)}" for row in kept_rows(rows))
    return f'{{\n  "mappings": [\n{lines}\n  ]\n}}\n'


def kept_rows(rows: Sequence[JsonMapping]) -> list[JsonMapping]:
    """Return the dataflow's mappings without those of fields that the pipeline fills itself."""
    return [row for row in rows if row.get("destination") not in GENERATED_FIELDS]


def find_identities(
    rows: Sequence[JsonMapping], descriptors: Sequence[JsonMapping]
) -> tuple[dict[str, str], bool]:
    """Return identity namespaces by property, and False if they are only a default.

    A property is an identity if its mapping or a descriptor of the schema marks its field as one. A primary identity
    comes first.
    """
    by_path = {
        str(each.get("xdm:sourceProperty", "")).strip("/").replace("/", "."): each
        for each in descriptors
        if each.get("@type") == "xdm:descriptorIdentity"
    }
    found: list[tuple[bool, str, str]] = []
    for row in rows:
        described = by_path.get(str(row.get("destination", "")), {})
        code = row.get("identity") or _namespace_code(described.get("xdm:namespace"))
        name = _copied_property(row)
        if code and name:
            found.append((not described.get("xdm:isPrimary"), name, str(code)))
    if not found:
        return dict(_DEFAULT_IDENTITY), False
    return {name: code for _, name, code in sorted(found, key=lambda each: each[0])}, True


def _copied_property(row: JsonMapping) -> str | None:
    """Return the property that a mapping copies unchanged; ``data.user_id`` is Mixpanel's ``$user_id``."""
    if row.get("sourceType") != "ATTRIBUTE":
        return None
    try:
        paths = event_paths(parse_path(str(row.get("source"))))
    except LanguageError:
        return None
    names = [str(path[1]) for path in paths if path[0] == "properties" and len(path) == 2]
    return next(
        (_MIXPANEL_NAMES[name] for name in names if name in _MIXPANEL_NAMES), names[0] if names else None
    )


def _namespace_code(namespace: object) -> str | None:
    """Return the namespace of a descriptor if it is a code; None if it is a number."""
    return namespace if isinstance(namespace, str) and not namespace.isdecimal() else None


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z][A-Za-z0-9 _/.-]*", text) else json.dumps(text, ensure_ascii=False)
