"""``migrate``: create a pipeline from a dataflow of Adobe's own Mixpanel source."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from include.aep.client import AepClient
from include.aep.settings import AepSettings
from include.cli.console import Output
from include.cli.local_airflow import Airflow
from include.cli.options import Connections, Pipelines
from include.cli.progress import show_activity
from include.cli.project import PROJECT
from include.cli.settings_lookup import find_connection
from include.clock import SYSTEM_CLOCK
from include.errors import ConfigError
from include.plural import counted
from include.steps.migrate import Dataflow, Migration, MigrationOptions, migrate_dataflow, read_dataflow
from include.xdm.mapping import mapping_file

_MARKS = {"decide": "!", "different": "", "better": "ok"}

DataflowId = Annotated[
    str | None,
    typer.Argument(
        metavar="DATAFLOW", help="The id of a dataflow in AEP. Without it: a list.", show_default=False
    ),
]
Name = Annotated[
    str, typer.Option("--name", metavar="NAME", help="The name of the pipeline: a-z, 0-9, - and _.")
]
TimeIs = Annotated[
    Literal["utc", "project_local"],
    typer.Option("--time-is", help="project_local for Mixpanel projects from before 1 January 2023."),
]
AepConnection = Annotated[
    str, typer.Option("--aep-connection", metavar="ID", help="The AEP connection to read the dataflow with.")
]
Write = Annotated[bool, typer.Option("--write", help="Write the pipeline file and the mapping.")]


def migrate(
    out: Output,
    *,
    dataflow: DataflowId = None,
    name: Name = "mixpanel",
    time_is: TimeIs = "utc",
    aep_connection: AepConnection = "aep_default",
    write: Write = False,
    connections: Connections = None,
    pipelines: Pipelines,
) -> None:
    """Create a pipeline from a dataflow of Adobe's Mixpanel source.

    It reads the dataflow, its connections, its mapping set and its runs through
    Flow Service, and shows a pipeline file, the plan of changes in AEP, the
    differences, and on which day to switch so that no day is missing or
    duplicated. Nothing in AEP is changed. Files are written only with --write.
    """
    airflow = Airflow((aep_connection,))
    fields = find_connection(aep_connection, connections, PROJECT / "airflow_settings.yaml", airflow)
    aep = AepClient(AepSettings.from_connection(**fields))
    if dataflow is None:
        _list(aep, out)
        return
    options = MigrationOptions(name, time_is, aep_connection)
    with show_activity("Reading the dataflow"):
        flow = read_dataflow(aep, dataflow)
        found = migrate_dataflow(aep, flow, options, SYSTEM_CLOCK.now())
    paths = _paths(pipelines, name)
    if write:
        _write(found, paths)
    _show(flow, found, paths, out, is_written=write)
    out.result(_to_json(flow, found, paths if write else []))


def _list(aep: AepClient, out: Output) -> None:
    with show_activity("Reading the dataflows"):
        flows = aep.flows.mixpanel_dataflows()
    rows = [(str(flow["id"]), str(flow.get("name", "")), str(flow.get("state", ""))) for flow in flows]
    out.table("", rows, head=("dataflow", "name", "state"))
    if not rows:
        out.title("This AEP sandbox has no dataflow of Adobe's Mixpanel source.")
    else:
        out.title("Next: mixpanel-aep migrate DATAFLOW --name NAME")
    listed = [{"id": key, "name": name, "state": state} for key, name, state in rows]
    out.result({"dataflows": listed})


def _paths(pipelines: Path, name: str) -> list[Path]:
    return [pipelines / f"{name}.yaml", mapping_file.MAPPINGS / f"{name}.json"]


def _write(found: Migration, paths: list[Path]) -> None:
    """Write the pipeline file and the mapping file.

    Raises:
        ConfigError: one of the files already exists; neither was written.
    """
    for path in paths:
        if path.exists():
            raise ConfigError(
                f"The file {path} already exists.", "Choose another --name. Nothing was written."
            )
    for path, text in zip(paths, (found.pipeline_text, found.mapping_text), strict=True):
        path.write_text(text, encoding="utf-8")


def _show(flow: Dataflow, found: Migration, paths: list[Path], out: Output, *, is_written: bool) -> None:
    out.title(f"Dataflow {flow.name} ({flow.state})")
    done = [run for run in flow.runs if run.is_done]
    out.table(
        "",
        [
            ("Mixpanel", f"project {flow.project_id}, region {flow.region}, {flow.timezone}"),
            ("dataset", f"{found.dataset} ({flow.dataset_id})"),
            ("schedule", flow.frequency),
            (
                "runs",
                f"{len(done)} of {len(flow.runs)} succeeded, {counted(sum(run.rows for run in done), 'row')}",
            ),
            ("mappings", str(len(flow.rows))),
        ],
    )
    out.title(paths[0].name)
    for line in found.pipeline_text.splitlines():
        out.styled([("", f"  {line}")])
    out.title("Changes in AEP that apply would make")
    _show_plan(found, out)
    out.title("What will be different")
    for kind, mark in _MARKS.items():
        out.table(mark, [(each.about, each.sentence) for each in found.differences if each.kind == kind])
    place = f"in dataset {found.dataset}" if found.switch.in_place else "in a separate dataset"
    out.title(f"The pipeline's first day is {found.switch.day}, {place}")
    for number, sentence in enumerate(found.switch.sentences, 1):
        out.print_status("", "", f"{number}. {sentence}")
    for path in paths if is_written else []:
        out.print_status("ok", "wrote", str(path))
    name = found.pipeline.name
    if is_written:
        out.title(f"Next: create the connection, then mixpanel-aep check {name}, plan {name}, apply {name}")
    else:
        out.title("Nothing was written; --write writes the pipeline file and the mapping.")


def _show_plan(found: Migration, out: Output) -> None:
    if found.plan is None:
        out.print_status(
            "!", "", found.plan_fault or "The plan is not available until the mapping is corrected."
        )
        return
    for change in found.plan.changes:
        out.print_status("+", "", f"{change.what} (cannot be undone)" if change.permanent else change.what)
    if not found.plan.changes:
        out.print_status("ok", "", "none")


def _to_json(flow: Dataflow, found: Migration, written: list[Path]) -> dict[str, object]:
    return {
        "dataflow": asdict(flow),
        "pipeline": found.pipeline.name,
        "pipeline_file": found.pipeline_text,
        "mapping_file": found.mapping_text,
        "plan": found.plan.to_json() if found.plan else None,
        "plan_fault": found.plan_fault,
        "switch": asdict(found.switch),
        "differences": [asdict(each) for each in found.differences],
        "written": [str(path) for path in written],
    }
