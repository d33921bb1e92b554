"""List the differences between a dataflow and its pipeline, and what a person has to decide. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from include.config.model import Pipeline
from include.json_types import JsonMapping
from include.plural import counted
from include.steps.migrate.dataflow import Dataflow
from include.steps.migrate.files import GENERATED_FIELDS
from include.steps.migrate.switch import Switch
from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.mapping.generated_fields import GeneratedFieldRules, require_same_meaning

Kind = Literal["better", "different", "decide"]


@dataclass(frozen=True)
class Difference:
    """A difference between the dataflow and the pipeline, as the command ``migrate`` prints it.

    Attributes:
        kind: ``better``: nothing to do; ``different``: users of the dataset may notice it; ``decide``: a person has to
            decide or act.
        about: The subject in a word or two.
        sentence: What is different, or what to do.
    """

    kind: Kind
    about: str
    sentence: str


def find_differences(
    flow: Dataflow,
    pipeline: Pipeline,
    switch: Switch,
    *,
    identities_found: bool,
    mapping_fault: str,
) -> list[Difference]:
    """Return all differences, sorted by kind: ``decide``, ``different``, ``better``.

    ``identities_found``: whether the dataflow marks identities. ``mapping_fault``: why the mapping is invalid; empty if
    it is valid.
    """
    found = [
        *_decisions(flow, pipeline, switch, identities_found=identities_found, mapping_fault=mapping_fault),
        *_generated_field_differences(flow, pipeline),
        *_general_differences(flow, pipeline, switch),
    ]
    order = ("decide", "different", "better")
    return sorted(found, key=lambda each: order.index(each.kind))


def _decisions(
    flow: Dataflow, pipeline: Pipeline, switch: Switch, *, identities_found: bool, mapping_fault: str
) -> Iterator[Difference]:
    source = pipeline.mixpanel
    yield Difference(
        "decide",
        "connection",
        f"Create connection {source.conn_id} with the service account: AEP does not show its secret. Extra: project_id "
        f"{flow.project_id}, region {flow.region}.",
    )
    yield Difference(
        "decide",
        "time",
        f"time_is is {source.time_is}. Projects from before 1 January 2023 need project_local (--time-is). mixpanel-aep "
        f"check {pipeline.name} compares it with live events.",
    )
    if mapping_fault:
        yield Difference("decide", "mapping", f"Correct the mapping before apply: {mapping_fault}")
    if not identities_found:
        name, code = next(iter(pipeline.namespaces.items()))
        yield Difference(
            "decide",
            "identities",
            f"The dataflow has no identity. The pipeline file sets {name} with namespace {code}. Correct it before apply: "
            "a namespace cannot be deleted.",
        )
    if switch.gaps:
        days = ", ".join(map(str, switch.gaps[:5])) + (" and more" if len(switch.gaps) > 5 else "")
        yield Difference(
            "decide",
            "failed runs",
            f"Runs of the dataflow have failed, and no later run covers their time: {days} may lack events. The pipeline "
            "does not load days before its start_date.",
        )


def _generated_field_differences(flow: Dataflow, pipeline: Pipeline) -> Iterator[Difference]:
    """Yield, for ``_id`` and ``timestamp``, whether the dataflow fills the field with the pipeline's value."""
    source = pipeline.mixpanel
    rules = GeneratedFieldRules({}, source.time_is == "project_local", source.time_in_ms)
    rows = {str(row["destination"]): row for row in flow.rows if row.get("destination") in GENERATED_FIELDS}
    for name in GENERATED_FIELDS:
        why = _why_differs(rows.get(name), name, rules)
        if why:
            yield Difference("different", name, why)
        else:
            yield Difference("better", name, f"The pipeline builds {name} from the same values.")


def _why_differs(row: JsonMapping | None, name: str, rules: GeneratedFieldRules) -> str:
    if row is None:
        return f"The dataflow does not map {name}; the pipeline builds it."
    try:
        require_same_meaning(row, name, rules)
    except LanguageError as difference:
        why = str(difference).removesuffix("; remove it").partition("this mapping differs: ")
        return f"The mapping of {name} is left out: {why[2] or why[0]}."
    return ""


def _general_differences(flow: Dataflow, pipeline: Pipeline, switch: Switch) -> Iterator[Difference]:
    yield Difference(
        "different",
        "schedule",
        f"The dataflow runs {flow.frequency}. The pipeline loads a day once, {pipeline.settle_hours:g} hours after its "
        "end in the project's zone.",
    )
    if switch.in_place:
        yield Difference(
            "different",
            "older days",
            f"Rows from before {switch.day} stay as the dataflow loaded them, with their duplicates and different _ids.",
        )
    yield Difference(
        "better",
        "duplicates",
        "An event is loaded once, even if Mixpanel returns it several times or a run is repeated.",
    )
    yield Difference(
        "better",
        "late events",
        f"Every day, the pipeline also exports the last {counted(pipeline.late_days, 'day')} again. The dataflow reads each time span once.",
    )
    yield Difference(
        "better",
        "refused events",
        "Events that AEP would refuse are stored in quarantine with their reasons, and can be loaded later.",
    )
    yield Difference(
        "different",
        "alerts",
        "Alerts in AEP that are subscribed to the dataflow do not cover the pipeline.",
    )
