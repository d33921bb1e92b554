"""``python -m include.cli``: check, discover, preview, plan, apply, run, verify, recover and clean a pipeline, and
forget people, without Airflow.

Lake and connections come from where Airflow's tasks take them. Lake: the pipeline file, --lake, Airflow's variable
mixpanel_aep_lake, MIXPANEL_AEP_LAKE, the project's folder lake. Connections: AIRFLOW_CONN_<ID> with JSON, --connections,
Airflow, and airflow_settings.yaml where no Airflow is configured.
Exit codes: 0 fine, 1 refused with a sentence, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from include.cli.checking import check
from include.cli.cleaning import clean_lake
from include.cli.discovering import discover
from include.cli.forget import HELP as FORGET_HELP
from include.cli.forget import add_arguments as add_forget_arguments
from include.cli.forget import forget
from include.cli.ledgers import adopt_batch, release_batch, show
from include.cli.planning import apply, plan
from include.cli.printing import say
from include.cli.project import Project
from include.cli.running import preview, run
from include.cli.signing import sign
from include.cli.verifying import DayRange, recover_days, verify_days
from include.config.loader import pipelines_folder
from include.environment import UnknownEnvironment, is_production
from include.errors import PipelineError

_LONGEST_REASON = 500
Command = Callable[[Project, argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    arguments = _parser().parse_args(argv)
    command: Command = arguments.command
    try:
        is_production()  # an unknown value of MIXPANEL_AEP_ENV ends every command here
        project = Project.of(arguments)
        lake = project.lake_setting
        # On standard error where standard output is for programs.
        say(
            "",
            "lake",
            f"{lake.url} (from {lake.origin})",
            aside=command is preview or getattr(arguments, "json", False),
        )
        return command(project, arguments)
    except (PipelineError, UnknownEnvironment) as error:
        print(f"Refused: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mixpanel-aep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(
        commands,
        "check",
        check,
        "the pipeline file, its mapping, both connections, and how the project keeps time",
    )
    found = _add(
        commands, "discover", discover, "fields and mappings for the properties that are not mapped yet"
    )
    found.add_argument(
        "--days", type=_count, default=7, help="how many of the newest days in the lake (default 7)"
    )
    found.add_argument(
        "--export", action="store_true", help="read a sample from Mixpanel instead of the lake"
    )
    found.add_argument("--limit", type=_count, default=10_000, help="rows of that sample (default 10000)")
    found.add_argument(
        "--write", action="store_true", help="write the mapping, the field group and the names"
    )
    found.add_argument(
        "--show-values", action="store_true", help="show examples of values, not only their shapes"
    )
    planned = _add(commands, "plan", plan, "every change that apply would make in AEP; sends nothing")
    applied = _add(commands, "apply", apply, "make in AEP the changes that plan shows")
    for each in (planned, applied):
        each.add_argument("--json", action="store_true", help="the plan as JSON, on standard output")
    seen = _add(commands, "preview", preview, "rows of a day as they would be loaded, as JSON")
    seen.add_argument("day", type=_day, metavar="DAY")
    seen.add_argument("--rows", type=_count, default=5, help="how many (default 5)")
    carried = _add(commands, "run", run, "the five steps for a day, or for all days from one to another")
    carried.add_argument("day", type=_day, metavar="DAY")
    carried.add_argument("last", type=_day, metavar="DAY", nargs="?")
    carried.add_argument(
        "--again", action="store_true", help="export the days again, also where they were exported"
    )
    carried.add_argument(
        "--replace",
        action="store_true",
        help="load the days in place of what is active, after a change of the mapping",
    )
    verified = _add(commands, "verify", verify_days, "compare what AEP's data lake holds with the ledgers")
    verified.add_argument(
        "days", type=_days, metavar="DAY..DAY", nargs="?", help="default: as the weekly task chooses them"
    )
    rebuilt = _add(commands, "recover", recover_days, "rebuild a lost lake's ledgers from AEP")
    rebuilt.add_argument("days", type=_days, metavar="DAY..DAY", nargs="?", help="default: all days")
    rebuilt.add_argument("--why", type=_reason, metavar="TEXT", help="for the records of the ledger")
    cleaned = _add(
        commands, "clean", clean_lake, "remove what the pipeline's retention does not keep in the lake"
    )
    cleaned.add_argument("--dry-run", action="store_true", help="only count what would be removed")
    add_forget_arguments(_add(commands, "forget", forget, FORGET_HELP))
    _add_ledger(commands)
    _add_lake(commands)
    return parser


def _add_ledger(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "the ledger of a day: show it, adopt a batch, release one"
    parser = commands.add_parser("ledger", help=text, description=text[0].upper() + text[1:] + ".")
    inner = parser.add_subparsers(required=True, metavar="COMMAND")
    shown = _add(inner, "show", show, "the records, and AEP's status of each batch now")
    changes = (
        _add(
            inner, "adopt", adopt_batch, "make an active batch known to the ledger; its ids are read from AEP"
        ),
        _add(inner, "release", release_batch, "call a batch gone; the next run loads its rows again"),
    )
    for each in (shown, *changes):
        each.add_argument("day", type=_day, metavar="DAY")
    for each in changes:
        each.add_argument("--batch", required=True, metavar="ID", help="the batch's id in AEP")
        each.add_argument("--why", required=True, type=_reason, metavar="TEXT", help="kept in the record")


def _add_lake(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("lake", help="the lake as a whole", description="The lake as a whole.")
    inner = parser.add_subparsers(required=True, metavar="COMMAND")
    signed = _add(
        inner, "sign", sign, "believe the records from before the lake had a key, and no other unsigned ones"
    )
    signed.add_argument("--why", type=_reason, metavar="TEXT", help="needed where records were listed before")


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, command: Command, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=command)
    parser.add_argument("pipeline", metavar="PIPELINE", help="the name of a file in the pipelines folder")
    parser.add_argument(
        "--connections", type=Path, metavar="FILE", help="a file in the format of airflow_settings.yaml"
    )
    parser.add_argument("--pipelines", type=Path, default=pipelines_folder(), metavar="FOLDER")
    parser.add_argument(
        "--lake", metavar="URL", help="where the steps' outputs lie, unless the pipeline file says it"
    )
    return parser


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a day is written like 2026-07-01") from None


def _days(text: str) -> DayRange:
    first, dots, last = text.partition("..")
    days = (_day(first), _day(last if dots else first))
    if days[1] < days[0]:
        raise argparse.ArgumentTypeError("the first day comes first, as in 2026-07-01..2026-07-31")
    return days


def _reason(text: str) -> str:
    if not text.strip() or len(text) > _LONGEST_REASON or not text.isprintable():
        raise argparse.ArgumentTypeError(f"a line of at most {_LONGEST_REASON} characters that says why")
    return text.strip()


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 100_000:
        raise argparse.ArgumentTypeError("a whole number from 1 to 100000")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
