"""Define the exit codes of all commands; ``docs/command-line.md`` and the help of the program show them as a table."""

from __future__ import annotations

from enum import IntEnum

from include.errors import Conflict, PipelineError, Transient


class ExitCode(IntEnum):
    """The exit codes of all commands; ``MEANINGS`` describes them."""

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
    """Return the exit code of a command that ended with ``error``."""
    return ExitCode.TRY_AGAIN if isinstance(error, Transient | Conflict) else ExitCode.REFUSED


def help_lines() -> str:
    """Return the exit codes and their meanings for the help, one per line of at most 80 characters."""
    return "\n".join(f"  {code.value:>3}  {text}" for code, text in MEANINGS.items())
