"""``forget``: remove people's rows from the lake, and keep them out of it from now on."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from include.cli.printing import say, title
from include.cli.project import Project
from include.errors import ConfigError
from include.steps.forget import ForgetPlan, Forgetting, GivenIds
from include.steps.forget.people import MOST_ADDED
from include.steps.forget.remaining import remaining_work
from include.steps.forget.run import day_summary
from include.steps.recover.person import person

HELP = "remove people's rows from the lake, and drop them from every later export"
_MOST_BYTES = 64 * 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    for name, text in (
        ("distinct", "a distinct_id: of a user, or of a device"),
        ("user", "a $user_id"),
        ("device", "a $device_id; events on it with another person's user id stay"),
    ):
        parser.add_argument(f"--{name}-id", action="append", default=[], metavar="ID", help=text)
    parser.add_argument(
        "--identity-file",
        type=Path,
        metavar="FILE",
        help="distinct_ids, one a line; - for standard input, so that no id is in the shell's history",
    )
    parser.add_argument(
        "--no-expand",
        action="store_true",
        help="only the given ids, not those that events show together with them",
    )
    parser.add_argument(
        "--most-ids",
        type=int,
        default=MOST_ADDED,
        metavar="N",
        help=f"most ids to add (default {MOST_ADDED})",
    )
    parser.add_argument(
        "--list-ids", action="store_true", help="print the ids, for the requests to Mixpanel and AEP"
    )
    parser.add_argument("--dry-run", action="store_true", help="only count what would be removed")
    parser.add_argument("--yes", action="store_true", help="do not ask before rows are removed")
    parser.add_argument("--json", action="store_true", help="the result as JSON, on standard output")


def forget(project: Project, arguments: argparse.Namespace) -> int:
    """Forget the people with the given ids; without ids, finish what an earlier run has begun.

    Raises:
        ConfigError: the ids cannot be read, or nobody has confirmed.
    """
    project_id = project.mixpanel_settings.source.project_id
    forgetting = Forgetting(project.lake, project.pipeline, project_id, project.clock)
    given = _given(arguments)
    plan = forgetting.plan(given, expand=not arguments.no_expand, most_added=arguments.most_ids)
    _say_plan(plan, arguments)
    if arguments.dry_run:
        _finish(forgetting, plan, plan.counts, arguments)
        return 0
    if not arguments.yes:
        _confirm(plan, is_stdin_taken=str(arguments.identity_file) == "-")
    done = forgetting.apply(plan, person())
    _finish(forgetting, plan, done.counts, arguments)
    return 0


def _given(arguments: argparse.Namespace) -> GivenIds:
    distinct = list(arguments.distinct_id)
    if arguments.identity_file is not None:
        distinct += _read_ids(arguments.identity_file)
        if not distinct:
            raise ConfigError("The identity file holds no id.", "Write one id a line.")
    return GivenIds(frozenset(distinct), frozenset(arguments.user_id), frozenset(arguments.device_id))


def _read_ids(path: Path) -> list[str]:
    try:
        if str(path) == "-":
            text = sys.stdin.read(_MOST_BYTES)
        else:
            with path.open(encoding="utf-8") as file:
                text = file.read(_MOST_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The identity file cannot be read ({type(error).__name__}).", "Write UTF-8."
        ) from None
    if len(text) == _MOST_BYTES:
        raise ConfigError(f"The identity file has more than {_MOST_BYTES} characters.", "Divide it.")
    return [line for line in text.split("\n") if line.strip()]


def _say_plan(plan: ForgetPlan, arguments: argparse.Namespace) -> None:
    counts, aside = plan.counts, arguments.json
    say(
        "",
        "ids",
        f"{counts['ids_given']} given, {counts['ids_added']} added that events show together with them; "
        f"{counts['shared_devices']} shared devices left out",
        aside=aside,
    )
    if arguments.list_ids and not arguments.json:
        for kind, ids in (("user", plan.person.users), ("device", plan.person.devices - plan.person.users)):
            for each in sorted(ids):
                say("", kind, each)
    for found in plan.days:
        day = day_summary(found)
        say(
            "",
            "day",
            f"{day['pipeline']} {day['day']}: {day['rows']} raw rows, {day['quarantined_rows']} quarantined rows, "
            f"{day['mapped_files']} files of mapped rows, {day['reports']} reports"
            + ("; rows without their export" if day["unsearchable"] else ""),
            aside=aside,
        )


def _confirm(plan: ForgetPlan, *, is_stdin_taken: bool) -> None:
    if is_stdin_taken or not sys.stdin.isatty():
        raise ConfigError(
            "Nobody has confirmed that these rows are to be removed.",
            "Read what --dry-run prints, then add --yes.",
        )
    say(
        "!",
        "forget",
        "added ids are not stored: print them with --dry-run --list-ids before, for AEP and Mixpanel",
    )
    if input(f"Remove rows of {len(plan.days)} days for good? Type yes: ").strip() != "yes":
        raise ConfigError("Not confirmed: nothing was changed.", "Type yes, or use --yes.")


def _finish(
    forgetting: Forgetting, plan: ForgetPlan, counts: dict[str, int], arguments: argparse.Namespace
) -> None:
    remaining = [*remaining_work(forgetting, plan)]
    if arguments.json:
        found: dict[str, Any] = {
            "dry_run": arguments.dry_run,
            "counts": counts,
            "days": [day_summary(each) for each in plan.days],
            "left_to_do": [{"where": where, "what": what} for where, what in remaining],
        }
        if arguments.list_ids:
            found["ids"] = {"user": sorted(plan.person.users), "device": sorted(plan.person.devices)}
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return
    for where, what in remaining:
        say("!", where, what)
    verb = "would be forgotten" if arguments.dry_run else "are forgotten"
    title(f"forget: {counts['rows']} raw rows of {counts['days']} days {verb}")
