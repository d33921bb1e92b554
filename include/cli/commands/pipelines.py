"""``pipelines``: list the pipeline files with their projects, datasets and days."""

from __future__ import annotations

from include.cli.console import Output
from include.cli.exit_codes import ExitCode
from include.cli.options import Pipelines
from include.config.loader import load_readable_pipelines
from include.config.model import Pipeline


def pipelines(out: Output, *, pipelines: Pipelines) -> int:
    """List the pipeline files. No connection is needed."""
    found, faults = load_readable_pipelines(pipelines)
    rows = [(each.name, each.aep.dataset, _days_text(each), each.mixpanel.timezone) for each in found]
    out.table("", rows, head=("pipeline", "dataset", "days", "time zone"))
    for fault in faults:
        out.print_status("no", "", str(fault))
    if not found and not faults:
        out.title(f"{pipelines} has no pipeline files. Copy shop.yaml from include/pipelines into it.")
    out.result(
        {
            "folder": str(pipelines),
            "pipelines": [_to_json(each) for each in found],
            "faults": [{"sentence": fault.sentence, "hint": fault.hint} for fault in faults],
        }
    )
    return ExitCode.REFUSED if faults else ExitCode.OK


def _days_text(pipeline: Pipeline) -> str:
    return f"{pipeline.start_date}..{pipeline.end_date or ''}"


def _to_json(pipeline: Pipeline) -> dict[str, object]:
    return {
        "name": pipeline.name,
        "dataset": pipeline.aep.dataset,
        "start_date": pipeline.start_date,
        "end_date": pipeline.end_date,
        "timezone": pipeline.mixpanel.timezone,
        "time_is": pipeline.mixpanel.time_is,
        "lake": pipeline.lake,
        "connections": [pipeline.mixpanel.conn_id, pipeline.aep.conn_id],
        "dag": pipeline.dag_id,
    }
