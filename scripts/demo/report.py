"""The demo's table and last line: the result of each partition, read from the lake and from AEP."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

import yaml
from rich.console import Console
from rich.table import Table

from include.aep.client import AepClient
from include.aep.settings import AepSettings
from include.config.model import Pipeline
from include.http.connection_fields import ConnectionFields
from include.lake.history import History, Source
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.mixpanel.settings import MixpanelSettings
from include.steps.history.open_history import open_history
from include.steps.verify import Verification, verify
from scripts.demo.airflow_api import AirflowApi
from scripts.demo.evidence import Comparison, PartitionResult, Sandbox, compare, result_of
from scripts.demo.settings import PARTITIONS, PROJECT


def show(console: Console, api: AirflowApi, pipelines: list[Pipeline], sandbox: Sandbox, lake: Lake) -> int:
    """Print the results and totals; return 0 if no event is lost, duplicate or a phantom, else 1."""
    table = Table()
    for name in (
        "partition",
        "exported",
        "duplicates",
        "quarantined",
        "staged",
        "active",
        "batch",
        "s",
    ):
        table.add_column(name, justify="left" if name in ("partition", "batch") else "right", no_wrap=True)
    total, comparison = Counter[str](), Comparison(0, 0, 0)
    for pipeline in pipelines:
        active = Counter(batch for _, batch in sandbox.active(pipeline.aep.dataset))
        seconds = _seconds(api, pipeline)
        first, last = PARTITIONS[pipeline.name]
        days = [first.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)]
        history = _history(pipeline, lake, sandbox)
        results = [
            result_of(lake, PartitionKey(pipeline.name, day), history.ledger(day).records(), active)
            for day in days
        ]
        for result in results:
            _add_row(table, result, seconds.get(str(result.partition), ""))
            total.update(partitions=1, exported=result.exported, duplicates=result.duplicates,
                         quarantined=result.quarantined, active=result.active)  # fmt: skip
        comparison += compare(pipeline, history.source.project_id, sandbox, lake, results, days=days)
    verification = verify_all(pipelines, sandbox, lake)
    console.print(table)
    console.print(str(verification), soft_wrap=True)
    console.print(
        f"demo: {total['partitions']} partitions, {total['exported']} exported, {total['duplicates']} duplicates, "
        f"{total['quarantined']} quarantined, {total['active']} active, lost {comparison.lost}, "
        f"duplicate {comparison.duplicate}, phantom {comparison.phantom}",
        soft_wrap=True,
    )
    is_equal = verification.is_verified and not verification.differing
    return 0 if is_equal and comparison == Comparison(0, 0, 0) else 1


def _add_row(table: Table, result: PartitionResult, seconds: str) -> None:
    name = f"{result.partition.pipeline} {result.partition}"
    numbers = (result.exported, result.duplicates, result.quarantined, result.staged, result.active)
    batches = result.batch.split()
    batch = batches[-1] if batches else "none (empty day)"
    if len(batches) > 1:
        batch += f" +{len(batches) - 1}"
    table.add_row(name, *(f"{number:,}" for number in numbers), batch, seconds)


def _seconds(api: AirflowApi, pipeline: Pipeline) -> dict[str, str]:
    """Return the duration of the newest run of each partition."""
    return {
        run["partition_key"]: f"{run['duration']:.0f}"
        for run in reversed(api.runs(pipeline.dag_id))
        if run.get("partition_key") and run.get("duration")
    }


def verify_all(pipelines: list[Pipeline], sandbox: Sandbox, lake: Lake) -> Verification:
    """Compare every loaded day with AEP's data lake, read over Query Service's own protocol."""
    found = []
    for pipeline in pipelines:
        aep = _aep(pipeline, sandbox)
        opened = open_history(lake, pipeline, aep, project_source(pipeline, sandbox))
        with aep.lake_reader() as reader:
            found.append(verify(opened.history, opened.dataset, reader, aep, pipeline))
    return Verification(
        "all",
        tuple(day for each in found for day in each.days),
        others=sum(each.others for each in found),
        reason=next((each.reason for each in found if each.reason), ""),
    )


def _history(pipeline: Pipeline, lake: Lake, sandbox: Sandbox) -> History:
    """Return the history of a pipeline's dataset."""
    aep = _aep(pipeline, sandbox)
    return open_history(lake, pipeline, aep, project_source(pipeline, sandbox)).history


def _aep(pipeline: Pipeline, sandbox: Sandbox) -> AepClient:
    return AepClient(AepSettings.from_connection(**_connection(pipeline.aep.conn_id, sandbox)))


def project_source(pipeline: Pipeline, sandbox: Sandbox) -> Source:
    """Return the Mixpanel project of a pipeline's connection."""
    return MixpanelSettings.from_connection(**_connection(pipeline.mixpanel.conn_id, sandbox)).source


def _connection(conn_id: str, sandbox: Sandbox) -> ConnectionFields:
    """Return a connection of airflow_settings.yaml, with the address of the running sandbox."""
    settings = yaml.safe_load((PROJECT / "airflow_settings.yaml").read_text())
    rows = settings["airflow"]["connections"]
    row, place = next(row for row in rows if row["conn_id"] == conn_id), urlsplit(sandbox.url)
    return {
        "conn_id": conn_id,
        "login": row["conn_login"],
        "password": row["conn_password"],
        "host": place.hostname,
        "port": place.port,
        "extra": row["conn_extra"],
    }
