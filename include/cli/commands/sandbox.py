"""``sandbox``: start the local sandbox of Mixpanel and AEP, if it is installed."""

from __future__ import annotations

import signal
import subprocess
import sys
from importlib.util import find_spec

import typer

PACKAGE = "mixpanel_aep_sandbox"
_SETTINGS = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": ["-h"]}


def add_sandbox(app: typer.Typer) -> None:
    """Add the command ``sandbox`` if the package of the sandbox is installed."""
    if find_spec(PACKAGE) is not None:
        app.command("sandbox", context_settings=_SETTINGS)(sandbox)


def sandbox(context: typer.Context) -> None:
    """Start the local sandbox: stand-ins for Mixpanel and AEP.

    No account and no network are needed. mixpanel-aep sandbox --help lists the
    options, such as --port and --state. Ctrl-C ends the sandbox. docs/sandbox.md
    describes its use.
    """
    # The sandbox is a separate process, because the product never imports the sandbox, which tests it.
    command = [sys.executable, "-m", PACKAGE, *context.args]
    with subprocess.Popen(command) as process:  # noqa: S603 - the interpreter that runs this
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            code = process.wait()
        except KeyboardInterrupt:  # the sandbox also receives it and ends
            code = process.wait()
        finally:
            signal.signal(signal.SIGTERM, before)
    raise typer.Exit(code)
