"""``check``: find every error that can be detected before the first day is loaded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from include.cli.checks import CHECKS
from include.cli.console import Output
from include.cli.exit_codes import ExitCode
from include.cli.hints import hint_for_command_line
from include.cli.progress import show_progress
from include.cli.project import Project
from include.errors import PipelineError
from include.http.request import INTERACTIVE


def check(project: Project, out: Output) -> int:
    """Check the pipeline file, its mapping and both connections.

    It also compares the times of live events with time_is. Every check runs, even after one that fails. Nothing is
    changed.
    """
    project = replace(project, retry_policy=INTERACTIVE)
    pipeline = project.pipeline
    sentence = f"{pipeline.name}.yaml: {pipeline.mixpanel.timezone}, {pipeline.mixpanel.time_is}"
    out.print_status("ok", "pipeline", sentence)
    results: list[dict[str, Any]] = [{"check": "pipeline", "ok": True, "says": sentence, "hint": ""}]
    said: dict[str, str] = {}
    with show_progress("Checking", len(CHECKS), "checks") as meter:
        for what, run in CHECKS.items():
            meter.name(f"Checking {what}")
            try:
                result = {"check": what, "ok": True, "says": run(project), "hint": ""}
            except PipelineError as error:
                result = {
                    "check": what,
                    "ok": False,
                    "says": error.sentence,
                    "hint": hint_for_command_line(error.hint),
                }
            text = f"{result['says']} {result['hint']}".strip()
            first = said.setdefault(text, what)
            # A missing connection fails most checks: its sentence is read once.
            shown = text if result["ok"] or first == what else f"for the same reason as {first}"
            out.print_status("ok" if result["ok"] else "no", what, shown)
            results.append(result)
            meter()
    is_right = all(result["ok"] for result in results)
    out.result({"pipeline": pipeline.name, "ok": is_right, "checks": results})
    return ExitCode.OK if is_right else ExitCode.REFUSED
