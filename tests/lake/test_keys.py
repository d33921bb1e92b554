"""Keys contain a pipeline's name, a day, a step and a digest, and never a customer's data."""

from __future__ import annotations

from datetime import date

import pytest

from include.lake.keys import STEP_FOLDERS, PartitionKey, schema_key, step_of

pytestmark = pytest.mark.unit
KEY = PartitionKey("shop", date(2026, 7, 1))
DIGEST = "0123456789abcdef" * 2


def test_the_layout_of_the_lake() -> None:
    assert KEY.manifest("stage", DIGEST) == f"shop/2026-07-01/staged/{DIGEST}/manifest.json"
    assert KEY.quarantine("validate", DIGEST) == f"shop/2026-07-01/quarantine/validate-{DIGEST}.jsonl.gz"
    assert KEY.report(DIGEST) == f"shop/2026-07-01/report/{DIGEST}.html"
    assert KEY.legacy_ledger == "shop/2026-07-01/ledger"
    assert schema_key("shop", DIGEST) == f"shop/schemas/{DIGEST}.json"


@pytest.mark.parametrize("step", STEP_FOLDERS)
def test_a_file_shows_which_step_wrote_it(step: str) -> None:
    assert step_of(f"{KEY.output(step, DIGEST)}/part-00000.parquet") == step


@pytest.mark.parametrize("step", STEP_FOLDERS)
@pytest.mark.parametrize(
    "text", ["../../etc/passwd", "a/b", "CON", "", "Purchase", "ABCDEF" * 4, DIGEST + "\n", "\0" * 16]
)
def test_only_digests_are_accepted_in_a_key(step: str, text: str) -> None:
    for make in (KEY.output, KEY.manifest, KEY.quarantine):
        with pytest.raises(ValueError, match="is not a digest"):
            make(step, text)
    with pytest.raises(ValueError, match="is not a digest"):
        schema_key("shop", text)


def test_days_sort_as_their_keys() -> None:
    days = [date(2026, 12, 31), date(999, 1, 1), date(2027, 1, 1)]
    assert [key.day for key in sorted(PartitionKey("shop", day) for day in days)] == sorted(days)
