"""The exit codes of every command, in one table: ``docs/command-line.md`` and the help show it."""

from __future__ import annotations

from enum import IntEnum

from include.errors import Conflict, PipelineError, Transient


class ExitCode(IntEnum):
    """The exit codes of commands, for the program that called the command."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    DEFECT = 70
    TRY_AGAIN = 75
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "Done, and all checks passed.",
    ExitCode.REFUSED: "Refused, or a check failed. A person has to act.",
    ExitCode.USAGE: "Wrong usage. Nothing was done.",
    ExitCode.DEFECT: "A defect of mixpanel-aep. --debug shows the traceback.",
    ExitCode.TRY_AGAIN: "Service or lake unavailable, or another run active. Try again later.",
    ExitCode.INTERRUPTED: "Interrupted (Ctrl-C). The same command continues.",
}


def exit_code_of(error: PipelineError) -> ExitCode:
    """Return the exit code of a command that an error ended."""
    return ExitCode.TRY_AGAIN if isinstance(error, Transient | Conflict) else ExitCode.REFUSED


def help_lines() -> str:
    """Return the table as lines of at most 80 columns."""
    return "\n".join(f"  {code.value:>3}  {text}" for code, text in MEANINGS.items())
