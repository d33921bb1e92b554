"""Read the definition and the runs of a dataflow of Adobe's Mixpanel source, for a migration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from include.aep.client import AepClient
from include.aep.http import objects_in
from include.errors import ConfigError
from include.json_types import JsonMapping, JsonObject
from include.xdm.mapping.mapping_file import current_row

_UNITS_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000, "week": 604_800_000}
_SECONDS_BELOW = 100_000_000_000
"""A lower epoch time is in seconds: documents and samples have both (EP:sources/tutorials/api/create-flow-runs.md)."""
_REGIONS = {"data-eu.mixpanel.com": "eu", "data-in.mixpanel.com": "in"}
_UNREADABLE = "Is it a dataflow of Adobe's Mixpanel source? mixpanel-aep migrate without an id lists those."


@dataclass(frozen=True)
class FlowRun:
    """One run of a dataflow.

    Attributes:
        window: The time span that the run has read, in epoch milliseconds, the end exclusive; None if unknown.
        batches: The ids of the AEP batches that the run created.
        rows: The number of loaded rows.
        failed_rows: The number of rows that AEP refused.
    """

    id: str
    status: str
    window: tuple[int, int] | None
    batches: tuple[str, ...] = ()
    rows: int = 0
    failed_rows: int = 0

    @property
    def is_done(self) -> bool:
        """Whether the run has loaded its window, fully or partly."""
        return self.status in ("success", "partialSuccess")

    @property
    def is_at_work(self) -> bool:
        """Whether the run may still load rows of its window."""
        return not self.is_done and self.status != "failed"


@dataclass(frozen=True)
class Dataflow:
    """A dataflow of Adobe's Mixpanel source, as AEP defines it.

    Attributes:
        start_ms: The start time of the schedule, in epoch milliseconds.
        period_ms: The time between runs in milliseconds; None if the dataflow runs once.
        frequency: The schedule as a phrase, such as ``every 15 minutes``.
        partial_percent: The share of invalid rows that AEP accepts, in percent; None if it is not set.
        rows: The mappings of the dataflow's mapping set.
        runs: The runs, sorted by the time span that they have read.
    """

    id: str
    name: str
    state: str
    project_id: str
    timezone: str
    region: str
    dataset_id: str
    start_ms: int
    period_ms: int | None
    frequency: str
    partial_percent: float | None
    rows: tuple[JsonObject, ...]
    runs: tuple[FlowRun, ...]

    @property
    def is_running(self) -> bool:
        """Whether the dataflow will have further runs."""
        return self.state == "enabled" and self.period_ms is not None


def read_dataflow(aep: AepClient, flow_id: str) -> Dataflow:
    """Read the definition and the runs of a dataflow from AEP; nothing is changed.

    Raises:
        NotFound: no dataflow has this id.
        ConfigError: it is not a dataflow of Adobe's Mixpanel source, or is a draft.
    """
    flow = aep.flows.dataflow(flow_id)
    source = aep.flows.source_connection(_single_id(flow, "sourceConnectionIds"))
    target = aep.flows.target_connection(_single_id(flow, "targetConnectionIds"))
    base = aep.flows.base_connection(str(source.get("baseConnectionId") or ""))
    params, schedule = _object_member(source, "params"), _object_member(flow, "scheduleParams")
    options = flow.get("options") if isinstance(flow.get("options"), dict) else {}
    percent = options.get("partialIngestionPercent") if isinstance(options, dict) else None
    if not params.get("projectId") or not params.get("timezone"):
        raise ConfigError(f"Dataflow {flow_id} does not read a Mixpanel project.", _UNREADABLE)
    return Dataflow(
        id=flow_id,
        name=str(flow.get("name", "")),
        state=str(flow.get("state", "")),
        project_id=str(params["projectId"]),
        timezone=str(params["timezone"]),
        region=_region(base),
        dataset_id=str(_object_member(target, "params").get("dataSetId", "")),
        start_ms=_epoch_ms(schedule.get("startTime")),
        period_ms=_period_ms(schedule),
        frequency=_frequency(schedule),
        partial_percent=float(percent) if isinstance(percent, int | float) else None,
        rows=tuple(_mapping_rows(aep, flow)),
        runs=tuple(sorted(map(_flow_run, aep.flows.runs(flow_id)), key=lambda run: run.window or (0, 0))),
    )


def _single_id(flow: JsonMapping, name: str) -> str:
    found = flow.get(name)
    if not isinstance(found, list) or len(found) != 1:
        raise ConfigError(
            f"Dataflow {flow.get('id')} does not have exactly one entry in {name}; it may be a draft.",
            _UNREADABLE,
        )
    return str(found[0])


def _object_member(entity: JsonMapping, name: str) -> JsonObject:
    found = entity.get(name)
    return found if isinstance(found, dict) else {}


def _region(base: JsonMapping) -> str:
    """Return the Mixpanel region from the host of a base connection; ``us`` if it names no host.

    Only base connections of the beta version name a host; the current ones always read the US residency.
    """
    host = str(_object_member(_object_member(base, "auth"), "params").get("host", ""))
    return _REGIONS.get(host.removeprefix("https://").strip("/").lower(), "us")


def _mapping_rows(aep: AepClient, flow: JsonMapping) -> Iterator[JsonObject]:
    steps = [step for step in objects_in(flow.get("transformations")) if step.get("name") == "Mapping"]
    for step in steps:
        params = _object_member(step, "params")
        version = params.get("mappingVersion")
        found = aep.flows.mapping_set(
            str(params.get("mappingId", "")), str(version) if version is not None else None
        )
        yield from (current_row(row) for row in objects_in(found.get("mappings")))


def _flow_run(body: JsonMapping) -> FlowRun:
    metrics = _object_member(body, "metrics")
    window, batches = None, list[str]()
    for activity in objects_in(body.get("activities")):
        extensions = _object_member(_object_member(activity, "durationSummary"), "extensions")
        if "windowStart" in extensions and "windowEnd" in extensions:
            window = _epoch_ms(extensions["windowStart"]), _epoch_ms(extensions["windowEnd"])
        for info in objects_in(activity.get("targetInfo")):
            reference = _object_member(info, "reference")
            if reference.get("type") == "Batch":
                batches += map(str, reference.get("ids") or ())
    records = _object_member(metrics, "recordSummary")
    return FlowRun(
        id=str(body.get("id", "")),
        status=str(_object_member(metrics, "statusSummary").get("status", "")),
        window=window,
        batches=tuple(batches),
        rows=int(records.get("outputRecordCount") or 0),
        failed_rows=int(records.get("failedRecordCount") or 0),
    )


def _epoch_ms(value: object) -> int:
    text = str(value).strip()
    number = int(text) if text.isdecimal() else 0
    return number * 1000 if number < _SECONDS_BELOW else number


def _period_ms(schedule: JsonMapping) -> int | None:
    unit = _UNITS_MS.get(str(schedule.get("frequency")).lower())
    interval = str(schedule.get("interval", "")).strip()
    return unit * int(interval) if unit is not None and interval.isdecimal() and int(interval) else None


def _frequency(schedule: JsonMapping) -> str:
    unit = str(schedule.get("frequency")).lower()
    return "once" if _period_ms(schedule) is None else f"every {schedule['interval']} {unit}s"
