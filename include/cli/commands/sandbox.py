"""``sandbox``: the local stand-ins for Mixpanel and AEP, where they are installed."""

from __future__ import annotations

import signal
import subprocess
import sys
from importlib.util import find_spec

import typer

PACKAGE = "mixpanel_aep_sandbox"
_SETTINGS = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": ["-h"]}


def add_sandbox(app: typer.Typer) -> None:
    """Add the command, where the package of the sandbox is installed."""
    if find_spec(PACKAGE) is not None:
        app.command("sandbox", context_settings=_SETTINGS)(sandbox)


def sandbox(context: typer.Context) -> None:
    """Start local stand-ins for Mixpanel and AEP.

    No account and no network are needed. Options are passed on: --port, --state and more, see mixpanel-aep sandbox
    --help. It ends with Ctrl-C. docs/sandbox.md says how to use it.
    """
    # In a process of its own: nothing of the product imports the sandbox, which judges it.
    command = [sys.executable, "-m", PACKAGE, *context.args]
    with subprocess.Popen(command) as process:  # noqa: S603 - the interpreter that runs this
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            code = process.wait()
        except KeyboardInterrupt:  # the sandbox gets it, too, and ends
            code = process.wait()
        finally:
            signal.signal(signal.SIGTERM, before)
    raise typer.Exit(code)
