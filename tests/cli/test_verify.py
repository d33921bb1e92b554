"""verify, recover and ledger, as their users see them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from include.cli.exit_codes import ExitCode
from tests.support.command_line import Cli, post

pytestmark = pytest.mark.sandbox
DAY = "2026-07-01"
EQUAL = "verify: 1 partitions, 8 ids, lost 0, duplicate 0, phantom 0"


@pytest.fixture
def carried(cli: Cli) -> str:
    """Load the hostile project's day and return the id of its batch."""
    code, text = cli("apply", "hostile")
    assert code == 0, text
    code, text = cli("run", "hostile", DAY)
    assert code == 0, text
    found = re.search(r"8 rows are active in (\w+);", text)
    assert found is not None, text
    return found[1]


@pytest.mark.parametrize("days", [(), (DAY,), ("2026-06-30..2026-07-03",)])
def test_verify_ends_with_the_counts(cli: Cli, carried: str, days: tuple[str, ...]) -> None:
    assert cli("verify", "hostile", *days) == (0, f"{EQUAL}\n")


def test_verify_of_days_that_were_never_loaded_is_not_green(cli: Cli, carried: str) -> None:
    code, text = cli("verify", "hostile", "2026-07-03")
    assert (code, text) == (1, "verify: not verified: no day of the pipeline was loaded\n")


def test_recover_of_days_without_batches_says_so(cli: Cli, carried: str) -> None:
    code, text = cli("recover", "hostile", "2026-07-03")
    assert (code, text) == (0, "recover: AEP has no batches of this pipeline for these days\n")


def test_verify_without_the_permission_says_that_it_is_not_verified_and_why(
    cli: Cli,
    carried: str,
    port: int,
) -> None:
    post(port, "aep/settings", {"query_permission": "missing"})
    code, text = cli("verify", "hostile")
    assert code == 1
    assert re.fullmatch(r"verify: not verified: Query Service .*Manage Queries.*\n", text)


def test_a_lost_batch_is_shown_released_and_loaded_again(cli: Cli, carried: str, port: int) -> None:
    post(port, f"aep/batches/{carried}", {"vanished": True})
    code, text = cli("run", "hostile", DAY)
    assert code == ExitCode.TRY_AGAIN
    hint = re.search(r"mixpanel-aep (ledger release hostile \S+ --batch \w+ --why TEXT)", text)
    assert hint is not None, text
    code, refused = cli(*hint[1].split())
    assert (code, "data lake shows 8 rows of batch" in refused) == (1, True)
    # Deleted from the catalog only: its rows are still there. From here on they are not.
    post(port, f"aep/batches/{carried}", {"status": "deleted"})
    code, text = cli("ledger", "show", "hostile", DAY)
    assert code == 0
    assert re.search(rf"^ +4 +active .*{carried} +8 +not found$", text, re.M), text
    assert cli(*hint[1].split())[0] == 0
    code, text = cli("run", "hostile", DAY)
    assert code == 0, text
    assert cli("verify", "hostile")[1].endswith(f"{EQUAL}\n")
    assert re.search(r"^ +5: by release/\S+@\S+: TEXT$", cli("ledger", "show", "hostile", DAY)[1], re.M)


def test_a_batch_without_a_record_is_shown(cli: Cli, carried: str, tmp_path: Path) -> None:
    assert "no record names" not in cli("ledger", "show", "hostile", DAY)[1]
    for ledger in (tmp_path / "lake").glob(f"_histories/*/ledger/{DAY}"):
        shutil.rmtree(ledger)
    code, text = cli("ledger", "show", "hostile", DAY)
    assert (code, text.splitlines()) == (
        0,
        [
            f"The ledger of hostile {DAY} has no record.",
            f"!  unknown   AEP has batch {carried} of this day (success), which no record names",
        ],
    )


def test_a_batch_in_aep_is_not_released(cli: Cli, carried: str) -> None:
    code, text = cli("ledger", "release", "hostile", DAY, "--batch", carried, "--why", "no reason")
    assert code == 1
    assert (
        f"AEP reports the status of batch {carried} as success; after a release, its rows would be duplicated"
        in text
    )
    assert "The ledger of partition 2026-07-01 does not count on batch 01X" in cli(
        "ledger", "release", "hostile", DAY, "--batch", "01X", "--why", "no reason"
    )[1]  # fmt: skip


def test_a_lost_lake_is_recovered_and_verified(cli: Cli, carried: str, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "lake")
    assert "mixpanel-aep recover" in cli("run", "hostile", DAY)[1]
    code, text = cli("recover", "hostile", "--why", "the disk broke")
    assert code == 0
    assert text.splitlines()[0] == f"ok recover   {DAY}: {carried} recorded again"
    assert cli("verify", "hostile") == (0, f"{EQUAL}\n")
    code, text = cli("run", "hostile", DAY)
    assert code == 0
    assert f"8 rows are active in {carried}; this run added 0" in text
    assert re.search(r": by recover/\S+: the disk broke$", cli("ledger", "show", "hostile", DAY)[1], re.M)
    adopted = cli("ledger", "adopt", "hostile", DAY, "--batch", carried, "--why", "again")[1]
    assert "nothing was written" in adopted


@pytest.mark.parametrize(
    "words",
    [
        ("verify", "hostile", "2026-07-02..2026-07-01"),
        ("verify", "hostile", "2026-07-01.."),
        ("ledger", "release", "hostile", DAY, "--batch", "01X"),
        ("ledger", "release", "hostile", DAY, "--batch", "01X", "--why", "a\nb"),
        ("ledger", "adopt", "hostile", "--batch", "01X", "--why", "x"),
    ],
)
def test_invalid_options_are_wrong_usage(cli: Cli, words: tuple[str, ...]) -> None:
    assert cli(*words)[0] == 2
