"""``forget``: remove the rows of some people from the lake, and from every later export."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from include.cli.commands.clean import DryRun
from include.cli.console import Output
from include.cli.progress import show_activity
from include.cli.project import Project
from include.errors import ConfigError
from include.plural import counted, is_or_are
from include.steps.forget import ForgetPlan, Forgetting, GivenIds
from include.steps.forget.people import MOST_ADDED
from include.steps.forget.remaining import remaining_work
from include.steps.forget.run import day_summary
from include.steps.recover.person import current_person

_MAX_CHARACTERS = 64 * 1024 * 1024

DistinctIds = Annotated[
    list[str],
    typer.Option(
        "--distinct-id",
        metavar="ID",
        help="A distinct_id, of a user or of a device.",
        default_factory=list,
        show_default=False,
    ),
]
UserIds = Annotated[
    list[str],
    typer.Option("--user-id", metavar="ID", help="A $user_id.", default_factory=list, show_default=False),
]
DeviceIds = Annotated[
    list[str],
    typer.Option(
        "--device-id",
        metavar="ID",
        help="A $device_id. Events on it with another person's user id stay.",
        default_factory=list,
        show_default=False,
    ),
]
IdentityFile = Annotated[
    Path | None,
    typer.Option(
        "--identity-file",
        metavar="FILE",
        help="A file with a distinct_id on each line. - reads standard input, which keeps ids out of the shell's history.",
    ),
]
NoExpand = Annotated[
    bool,
    typer.Option(
        "--no-expand", help="Use only the given ids, not those that events show together with them."
    ),
]
MostIds = Annotated[
    int, typer.Option("--most-ids", min=0, max=100_000, metavar="N", help="The largest number of ids to add.")
]
ListIds = Annotated[
    bool, typer.Option("--list-ids", help="Print the ids, for the requests to Mixpanel and AEP.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for a confirmation.")]


def forget(
    project: Project,
    out: Output,
    *,
    distinct_id: DistinctIds,
    user_id: UserIds,
    device_id: DeviceIds,
    identity_file: IdentityFile = None,
    no_expand: NoExpand = False,
    most_ids: MostIds = MOST_ADDED,
    list_ids: ListIds = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Remove people's rows from the lake and from later exports.

    Without ids, it finishes what an earlier run started. docs/privacy.md describes
    which data stay, and what remains to be done in Mixpanel and AEP.

    Raises:
        ConfigError: the ids cannot be read, or the removal was not confirmed.
    """
    project_id = project.mixpanel_settings.source.project_id
    forgetting = Forgetting(project.lake, project.pipeline, project_id, project.clock)
    given = _given_ids(distinct_id, user_id, device_id, identity_file)
    with show_activity("Searching the lake"):
        plan = forgetting.plan(given, expand=not no_expand, most_added=most_ids)
    _show(plan, out, list_ids=list_ids)
    counts: Mapping[str, int] = plan.counts
    if not dry_run:
        if not yes:
            _confirm(plan, out, is_stdin_taken=str(identity_file) == "-")
        with show_activity("Removing rows"):
            counts = forgetting.apply(plan, current_person()).counts
    remaining = [*remaining_work(forgetting, plan)]
    for where, what in remaining:
        out.print_status("!", where, what)
    verb = "would be forgotten" if dry_run else f"{is_or_are(counts['rows'])} forgotten"
    out.title(f"forget: {counted(counts['rows'], 'raw row')} of {counted(counts['days'], 'day')} {verb}")
    ids = {"user": sorted(plan.person.users), "device": sorted(plan.person.devices)}
    out.result(
        {
            "dry_run": dry_run,
            "counts": counts,
            "days": [day_summary(each) for each in plan.days],
            "left_to_do": [{"where": where, "what": what} for where, what in remaining],
            **({"ids": ids} if list_ids else {}),
        }
    )


def _given_ids(distinct: list[str], users: list[str], devices: list[str], file: Path | None) -> GivenIds:
    if file is not None:
        read = _read_ids(file)
        if not read:
            raise ConfigError("The identity file contains no id.", "Write one id per line.")
        distinct = [*distinct, *read]
    return GivenIds(frozenset(distinct), frozenset(users), frozenset(devices))


def _read_ids(path: Path) -> list[str]:
    """Return the ids of the identity file, one from each line that is not blank; ``-`` is standard input."""
    try:
        if str(path) == "-":
            text = sys.stdin.read(_MAX_CHARACTERS)
        else:
            with path.open(encoding="utf-8") as file:
                text = file.read(_MAX_CHARACTERS)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The identity file cannot be read ({type(error).__name__}).",
            "Check its path, and write it in UTF-8.",
        ) from None
    if len(text) == _MAX_CHARACTERS:
        raise ConfigError(
            f"The identity file has more than {_MAX_CHARACTERS} characters.",
            "Split it into several files, and run the command for each of them.",
        )
    return [line for line in text.split("\n") if line.strip()]


def _show(plan: ForgetPlan, out: Output, *, list_ids: bool) -> None:
    counts = plan.counts
    out.print_status(
        "",
        "ids",
        f"{counts['ids_given']} given, {counts['ids_added']} added because events show them together; "
        f"{counted(counts['shared_devices'], 'shared device')} left out",
    )
    if list_ids:
        for kind, ids in (("user", plan.person.users), ("device", plan.person.devices - plan.person.users)):
            for each in sorted(ids):
                out.print_status("", kind, each)
    for found in plan.days:
        day = day_summary(found)
        out.print_status(
            "",
            "day",
            f"{day['pipeline']} {day['day']}: {counted(day['rows'], 'raw row')}, {counted(day['quarantined_rows'], 'quarantined row')}, "
            f"{counted(day['mapped_files'], 'file')} of mapped rows, {counted(day['reports'], 'report')}"
            + ("; rows without their export" if day["unsearchable"] else ""),
        )


def _confirm(plan: ForgetPlan, out: Output, *, is_stdin_taken: bool) -> None:
    """Ask the user to confirm the removal.

    Raises:
        ConfigError: the user did not confirm it, or cannot be asked.
    """
    if is_stdin_taken or not sys.stdin.isatty():
        raise ConfigError(
            "The removal of these rows was not confirmed.", "Read what --dry-run prints, then add --yes."
        )
    out.print_status(
        "!",
        "forget",
        "Added ids are not stored. Print them first with --dry-run --list-ids, for AEP and Mixpanel.",
    )
    if input(f"Remove rows of {counted(len(plan.days), 'day')} permanently? Type yes: ").strip() != "yes":
        raise ConfigError(
            "The removal was not confirmed, so nothing was changed.",
            "Answer the prompt with yes, or add the option --yes.",
        )
