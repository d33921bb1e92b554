"""Assemble the program ``mixpanel-aep`` from its commands, in the order in which the help lists them."""

from __future__ import annotations

from typing import Annotated

import typer

from include.cli.command import add_command, add_pipeline_command
from include.cli.commands import ledger, quarantine
from include.cli.commands.alerts import send_test
from include.cli.commands.apply import apply
from include.cli.commands.audit import audit
from include.cli.commands.check import check
from include.cli.commands.clean import clean
from include.cli.commands.discover import discover
from include.cli.commands.forget import forget
from include.cli.commands.lake import sign
from include.cli.commands.migrate import migrate
from include.cli.commands.pipelines import pipelines
from include.cli.commands.plan import plan
from include.cli.commands.preview import preview
from include.cli.commands.recover import recover
from include.cli.commands.run import run
from include.cli.commands.sandbox import add_sandbox
from include.cli.commands.status import status
from include.cli.commands.verify import verify
from include.cli.exit_codes import help_lines
from include.version import VERSION

HELP = """Load a Mixpanel project's raw events into Adobe Experience Platform (AEP), one
day at a time: the same work as in the DAGs, without a scheduler.

The lake is the first of: lake in the pipeline file, --lake, Airflow's variable
mixpanel_aep_lake, MIXPANEL_AEP_LAKE, the project's folder lake. A connection is
the first of: AIRFLOW_CONN_<ID> with JSON, --connections, Airflow, and
airflow_settings.yaml if no Airflow is configured.
"""
EPILOG = f"""\b
Exit codes:
{help_lines()}
"""


def _print_version_and_exit(requested: bool) -> None:
    if requested:
        typer.echo(f"mixpanel-aep {VERSION}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version_and_exit, is_eager=True),
    ] = False,
) -> None:
    pass


def _add_group(app: typer.Typer, name: str, text: str) -> typer.Typer:
    """Add a group of commands with the help ``text``, and return it."""
    made = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help=text)
    app.add_typer(made, name=name)
    return made


def make_app() -> typer.Typer:
    """Return the program with all its commands; ``sandbox`` is included only if its package is installed."""
    made = typer.Typer(
        rich_markup_mode=None,  # plain help: no boxes, no markup
        pretty_exceptions_enable=False,
        no_args_is_help=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
        help=HELP,
        epilog=EPILOG,
    )
    made.callback(help=HELP, epilog=EPILOG)(_root)
    add_command(made, "pipelines", pipelines)
    add_pipeline_command(made, "check", check)
    add_pipeline_command(made, "discover", discover)
    add_pipeline_command(made, "plan", plan)
    add_pipeline_command(made, "apply", apply)
    add_pipeline_command(made, "preview", preview)
    add_pipeline_command(made, "run", run)
    add_pipeline_command(made, "status", status, lake_last=True)
    add_pipeline_command(made, "audit", audit)
    add_pipeline_command(made, "verify", verify)
    _add_quarantine(made)
    _add_ledger(made)
    add_pipeline_command(made, "recover", recover)
    add_pipeline_command(made, "clean", clean)
    add_pipeline_command(made, "forget", forget)
    lake = _add_group(made, "lake", "The records of the lake: sign them.")
    add_pipeline_command(lake, "sign", sign)
    alerts = _add_group(made, "alerts", "The alerts of a pipeline file: send test alerts.")
    add_pipeline_command(alerts, "test", send_test)
    add_command(made, "migrate", migrate)
    add_sandbox(made)
    return made


def _add_quarantine(app: typer.Typer) -> None:
    group = _add_group(app, "quarantine", "Events that were not sent: list, show, load them again.")
    add_pipeline_command(group, "list", quarantine.list_days)
    add_pipeline_command(group, "show", quarantine.show)
    add_pipeline_command(group, "replay", quarantine.replay)


def _add_ledger(app: typer.Typer) -> None:
    group = _add_group(app, "ledger", "The ledger of a day: show it, adopt a batch, release a batch.")
    add_pipeline_command(group, "show", ledger.show)
    add_pipeline_command(group, "adopt", ledger.adopt_batch)
    add_pipeline_command(group, "release", ledger.release_batch)


app = make_app()
