"""``alerts test``: send a test alert through the notifiers of a pipeline file."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Annotated

import typer

from include.cli.console import Output
from include.cli.exit_codes import ExitCode
from include.cli.progress import show_activity
from include.cli.project import Project
from include.config.alerts import KINDS
from include.errors import ConfigError, SettingsUnavailable
from include.json_types import JsonObject

_TIMEOUT_SECONDS = 300


def parse_kind(text: str) -> str:
    """Return ``text`` if it is a kind of alert.

    Raises:
        typer.BadParameter: the text is not one of ``KINDS``.
    """
    if text not in KINDS:
        raise typer.BadParameter(f"{text!r} is not a kind of alert. Write one of: {', '.join(KINDS)}.")
    return text


Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        help=f"A kind of alert; may be repeated. One of: {', '.join(KINDS)}.",
        metavar="KIND",
        parser=parse_kind,
    ),
]


def send_test(project: Project, out: Output, *, kind: Kinds = None) -> int:
    """Send a test alert through each notifier of the pipeline file.

    The title and the text of the message say that it is a test. Without --kind,
    each notifier sends one message; with --kind, each notifier that the pipeline
    file names for that kind. Airflow must be installed and configured, because
    its notifiers and connections send the message. Exit code 1: a message was not
    sent.

    Raises:
        ConfigError: the pipeline file has no alerts, or Airflow is not installed and configured on this machine.
        SettingsUnavailable: the process that sends the messages failed.
    """
    pipeline = project.pipeline
    if pipeline.alerts is None:
        raise ConfigError(
            f"The file of pipeline {pipeline.name} has no section alerts.",
            "Add the section alerts; docs/monitoring.md has examples.",
        )
    if not project.airflow.is_configured:
        raise ConfigError(
            "Alerts go through Airflow's notifiers, and Airflow is not installed and configured on this machine.",
            "Run the command where Airflow's tasks run, with their environment, such as in a worker's container.",
        )
    with show_activity("Sending test alerts"):
        deliveries = _send(project, kind or [])
    for each in deliveries:
        _show(each, out)
    out.result({"pipeline": pipeline.name, "deliveries": deliveries})
    return ExitCode.REFUSED if any(each["cause"] for each in deliveries) else ExitCode.OK


def _send(project: Project, kinds: list[str]) -> list[JsonObject]:
    """Send the messages in a process with Airflow; return the result of each: notifier, kind and cause of a failure."""
    path = project.pipelines / f"{project.pipeline.name}.yaml"
    command = [sys.executable, "-m", "mixpanel_aep.alerts.trial", str(path), *kinds]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)  # noqa: S603 - our own module
        return list(json.loads(done.stdout)["deliveries"])
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise SettingsUnavailable(
            f"Airflow on this machine could not send the test alerts ({type(error).__name__}).",
            "`airflow db check` shows whether it works. A message may have been sent.",
        ) from None


def _show(delivery: JsonObject, out: Output) -> None:
    name = delivery["notifier"].rpartition(".")[2]
    if delivery["kind"] is None:
        out.print_status("", "skipped", f"{name}: the pipeline file does not name it for this kind")
    elif delivery["cause"]:
        out.print_status("no", "not sent", f"{name}, kind {delivery['kind']}: {delivery['cause']}")
    else:
        out.print_status("ok", "sent", f"{name}, kind {delivery['kind']}")
