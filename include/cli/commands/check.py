"""``check``: find the errors in the configuration that can be detected before the first day is loaded."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from include.cli.checks import CHECKS
from include.cli.console import Output
from include.cli.exit_codes import ExitCode
from include.cli.hints import hint_for_command_line
from include.cli.progress import show_progress
from include.cli.project import Project
from include.errors import PipelineError
from include.http.request import INTERACTIVE


@dataclass(frozen=True)
class _Result:
    """The result of one check, as ``--json`` prints it. ``says``: the result, or the error, as a sentence."""

    check: str
    ok: bool
    says: str
    hint: str = ""

    @property
    def text(self) -> str:
        return f"{self.says} {self.hint}".strip()


def check(project: Project, out: Output) -> int:
    """Check the pipeline file, its mapping and both connections.

    It also compares the times of live events with time_is. Every check runs, even after one that fails. Nothing is
    changed.
    """
    project = replace(project, retry_policy=INTERACTIVE)
    pipeline = project.pipeline
    sentence = f"{pipeline.name}.yaml: {pipeline.mixpanel.timezone}, {pipeline.mixpanel.time_is}"
    out.print_status("ok", "pipeline", sentence)
    results = [_Result("pipeline", True, sentence)]
    first_check_with_text: dict[str, str] = {}
    with show_progress("Checking", len(CHECKS), "checks") as meter:
        for what, run in CHECKS.items():
            meter.describe(f"Checking {what}")
            try:
                result = _Result(what, True, run(project))
            except PipelineError as error:
                result = _Result(what, False, error.sentence, hint_for_command_line(error.hint))
            first = first_check_with_text.setdefault(result.text, what)
            # Most checks fail because of the same missing connection; the error is printed once.
            shown = result.text if result.ok or first == what else f"for the same reason as {first}"
            out.print_status("ok" if result.ok else "no", what, shown)
            results.append(result)
            meter()
    all_passed = all(result.ok for result in results)
    out.result({"pipeline": pipeline.name, "ok": all_passed, "checks": list(map(asdict, results))})
    return ExitCode.OK if all_passed else ExitCode.REFUSED
