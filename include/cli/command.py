"""Register functions as commands: add the common options, load the pipeline, and print errors as sentences."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import typer

from include.cli.console import Output, print_status, print_to_stderr
from include.cli.exit_codes import ExitCode, exit_code_of
from include.cli.hints import hint_for_command_line
from include.cli.options import Connections, Debug, Json, LakeUrl, PipelineName, Pipelines
from include.cli.project import Project
from include.environment import UnknownEnvironment, is_production
from include.errors import PipelineError, Terminal

Function = Callable[..., int | None]
_PROJECT_OPTIONS = {
    "pipeline": PipelineName,
    "connections": Connections,
    "pipelines": Pipelines,
    "lake": LakeUrl,
}
_DEFECT_HINT = "Run the command again with --debug for the traceback, and report it with the command."


def add_pipeline_command(app: typer.Typer, name: str, function: Function, *, lake_last: bool = False) -> None:
    """Add a command that works on one pipeline.

    Args:
        app: the program or the group of commands.
        name: the command's name.
        function: gets a ``Project``, an ``Output`` and the command's own parameters; returns the exit code (None: 0).
            Its docstring is the command's help.
        lake_last: whether the line that names the lake is printed after the command's output instead of before it.
    """

    # typer passes the parameters of the signature that _register builds, each with its own type.
    def command(**arguments: Any) -> None:
        out = Output(arguments.pop("json"))
        options = {key: arguments.pop(key) for key in _PROJECT_OPTIONS}

        def work() -> int | None:
            project = Project.of(**options)
            lake = project.lake_setting
            show_lake = partial(
                print_status, "", "lake", f"{lake.url} (from {lake.origin})", to_stderr=out.json
            )
            if not lake_last:
                show_lake()
            code = function(project, out, **arguments)
            if lake_last:
                show_lake()
            return code

        _run_and_exit(work, out, debug=arguments.pop("debug"))

    first = _parameter("pipeline", _PROJECT_OPTIONS["pipeline"])
    rest = [_parameter(key, kind) for key, kind in _PROJECT_OPTIONS.items() if key != "pipeline"]
    _register(app, name, function, command, [first], [*rest, _parameter("json", Json)], skip=2)


def add_command(app: typer.Typer, name: str, function: Function) -> None:
    """Add a command that does not load a pipeline. ``function`` gets an ``Output`` and the command's own parameters."""

    def command(**arguments: Any) -> None:  # as in add_pipeline_command
        out = Output(arguments.pop("json"))
        debug = arguments.pop("debug")
        _run_and_exit(lambda: function(out, **arguments), out, debug=debug)

    _register(app, name, function, command, [], [_parameter("json", Json)], skip=1)


def _register(
    app: typer.Typer,
    name: str,
    function: Function,
    command: Callable[..., None],
    before: list[inspect.Parameter],
    after: list[inspect.Parameter],
    *,
    skip: int,
) -> None:
    """Add ``command`` to ``app``.

    Its parameters are ``before``, those of ``function`` without the first ``skip``, and ``after``.
    """
    of_function = list(inspect.signature(function, eval_str=True).parameters.values())[skip:]
    keyword = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in of_function]
    parameters = [*before, *keyword, *after, _parameter("debug", Debug)]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # typer reads it
    command.__annotations__ = {}
    app.command(name, help=_help(function))(command)


def _parameter(name: str, annotation: object) -> inspect.Parameter:
    if name in ("pipeline", "pipelines"):  # required, and computed by a default_factory
        default: object = inspect.Parameter.empty
    else:
        default = False if name in ("json", "debug") else None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _help(function: Function) -> str:
    """Return the help of a command: the docstring of its function without the section ``Raises``."""
    text = inspect.getdoc(function) or ""
    return text.partition("\n\nRaises:")[0].replace("``", "")


def _run_and_exit(work: Callable[[], int | None], out: Output, *, debug: bool) -> None:
    """Run a command, print an error as a sentence and a hint, and end with the exit code.

    Raises:
        typer.Exit: always, with the exit code.
    """
    try:
        is_production()  # an unknown value of MIXPANEL_AEP_ENV ends every command here
        code = work() or 0
    except (PipelineError, UnknownEnvironment) as error:
        code = _report(error, out, debug=debug)
    except KeyboardInterrupt:
        print("Interrupted. Finished work is kept; the same command continues.", file=sys.stderr)
        code = ExitCode.INTERRUPTED
    except (BrokenPipeError, typer.Exit, typer.BadParameter, typer.Abort):
        raise
    except Exception as error:  # noqa: BLE001 - the user gets a sentence, and with --debug the traceback
        code = _report_defect(error, out, debug=debug)
    raise typer.Exit(int(code))


def _report(error: PipelineError | UnknownEnvironment, out: Output, *, debug: bool) -> int:
    if isinstance(error, UnknownEnvironment):
        sentence, hint, code, is_final = str(error), "", ExitCode.REFUSED, True
    else:
        sentence, hint, code = error.sentence, hint_for_command_line(error.hint), exit_code_of(error)
        is_final = isinstance(error, Terminal)
    _print_error("Refused" if is_final else "Not done", error, sentence, hint, code, out, debug=debug)
    return code


def _report_defect(error: Exception, out: Output, *, debug: bool) -> int:
    """Print the class and the place of an unexpected error, and not its text, which may contain a value of an event."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    at = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "an unknown place"
    sentence = f"mixpanel-aep failed because of a defect ({type(error).__name__} at {at})."
    _print_error("Failed", error, sentence, _DEFECT_HINT, ExitCode.DEFECT, out, debug=debug)
    return ExitCode.DEFECT


def _print_error(
    word: str, error: BaseException, sentence: str, hint: str, code: int, out: Output, *, debug: bool
) -> None:
    if debug:
        traceback.print_exception(error)
    print_to_stderr(f"{word}: {sentence}")
    if hint:
        print_to_stderr(f"Hint: {hint}")
    if out.json:
        fields = {"kind": type(error).__name__, "sentence": sentence, "hint": hint, "exit_code": int(code)}
        out.result({**out.so_far, "error": fields})
