"""``lake sign``: list the records that were written before the lake had a signing key, in a signed inventory."""

from __future__ import annotations

from include.cli.console import Output
from include.cli.options import OptionalWhy
from include.cli.project import Project
from include.errors import AmendmentRefused, ConfigError
from include.lake.keys import HISTORIES, SUPPRESSION
from include.lake.lake_id import LAKE_ID_KEY
from include.lake.signing_keys import SIGNING_KEYS_ENVIRONMENT
from include.lake.unsigned_records import has_inventory, unsigned_records, write_inventory
from include.plural import counted
from include.steps.recover.person import current_person

_MAX_LISTED = 20


def sign(project: Project, out: Output, *, why: OptionalWhy = None) -> None:
    """Accept the records that are older than the lake's signing key.

    Their digests are listed once, in a record that the key signs
    (docs/security.md). A second list needs --why.

    Raises:
        ConfigError: the lake has no signing key.
        AmendmentRefused: the lake already has such a list, and no reason for another one was given.
    """
    lake = project.lake
    if lake.signing_keys is None:
        raise ConfigError(
            f"{SIGNING_KEYS_ENVIRONMENT} is not set.",
            f"Set {SIGNING_KEYS_ENVIRONMENT} to the value that the workers use (docs/security.md).",
        )
    found = unsigned_records(lake, (LAKE_ID_KEY, HISTORIES, SUPPRESSION, project.pipeline.name))
    if not found:
        out.print_status("ok", "lake", "every record is signed, or listed as older than the key")
        out.result({"listed": 0, "inventory": None})
        return
    if has_inventory(lake) and not why:
        for key in list(found)[:_MAX_LISTED]:
            out.print_status("!", "unsigned", lake.uri(key))
        raise AmendmentRefused(
            f"The lake has {counted(len(found), 'record')} without a signature that the list of older records does not "
            "contain.",
            "Find out which program wrote them. Only if they are valid, list them as well: mixpanel-aep lake sign "
            f"{project.pipeline.name} --why TEXT.",
        )
    at = project.clock.now().isoformat(timespec="seconds")
    key = write_inventory(lake, found, at, current_person(), why or "the lake has a key from now on")
    out.print_status(
        "ok",
        "lake",
        f"{counted(len(found), 'record')} from before the key: listed in {key}; other unsigned records are refused",
    )
    out.result({"listed": len(found), "inventory": key})
