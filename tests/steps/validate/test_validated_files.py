"""Files of validate: unchanged ones are published as they are, and duplicate ids are found across files."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from include.errors import PartitionRefused
from include.lake.lake import Lake
from include.quality.constraints import ValidationBroken
from include.steps.validate import invalid_rows as refused_rows
from include.steps.validate import partition_validator
from include.steps.validate.step import validate_partition
from include.xdm.convert.aep_parquet import AEP_FORM, has_aep_form
from tests.support.builders import (
    TENANT,
    quarantined,
)  # fmt: skip
from tests.support.validated_days import (
    lenient,
    page,
    part,
    several_files,
)

pytestmark = pytest.mark.unit


def test_files_without_an_invalid_row_are_published_unchanged(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_rows, "_WRITTEN_ROWS", 1)
    place = lenient(lake)
    parts = (
        part(0, "NOK", "SEK", None),
        part(3, "NOK", "x", "SEK", "y", None),
        part(8, "z", "z"),
        part(10, "DKK"),
    )
    mapped = several_files(place, tmp_path, *parts)
    made = validate_partition(place, mapped)
    assert made.counts == {"mapped": 11, "valid": 7, "quarantined": 4, "warnings": 11}
    assert [file.rows for file in made.files] == [3, 3, 1]
    assert (made.files[0], made.files[2]) == (mapped.files[0], mapped.files[3])
    assert made.files[1].key == f"{place.partition.output('validate', made.digest)}/part-00001.parquet"
    assert made.details["form"] == AEP_FORM
    files = place.local_files(made, tmp_path)
    assert all(has_aep_form(pq.ParquetFile(path)) for path in files)
    ids = [found for path in files for found in pq.read_table(path)["_id"].to_pylist()]
    assert ids == [f"{n:064x}" for n in (0, 1, 2, 3, 5, 7, 10)]
    refused = quarantined(place, made)
    assert [int(record["row"]["_id"], 16) for record in refused] == [4, 6, 8, 9]
    assert {json.dumps(record["reasons"]) for record in refused} == {
        json.dumps(
            [{"field": f"{TENANT}.mixpanel.currency", "expectation": "pattern", "limit": "^[A-Z]{3}$"}]
        )
    }
    assert made.details["by_event"] == {"Purchase": 7}
    assert ">7<" in page(place, made)


def test_files_of_another_form_are_published_unchanged_and_marked(lake: Lake, tmp_path: Path) -> None:
    mapped = several_files(lenient(lake), tmp_path, part(0, "NOK"), form=False)
    made = validate_partition(lenient(lake), mapped)
    assert (made.files, made.details["form"]) == (mapped.files, None)
    mixed = several_files(
        lenient(Lake(f"file://{tmp_path}/mixed")), tmp_path, part(0, "NOK", "x"), form=False
    )
    again = validate_partition(lenient(Lake(f"file://{tmp_path}/mixed")), mixed)
    assert (again.rows, again.details["form"]) == (1, AEP_FORM), "what is written again is in AEP's form"


@pytest.mark.parametrize(("currency", "stands"), [("NOK", "twice"), ("x", "once")])
def test_a_duplicate_id_in_two_files_is_found_unless_one_row_is_invalid(
    lake: Lake, tmp_path: Path, currency: str, stands: str
) -> None:
    for number, same in enumerate(("5" * 64, "short", "")):
        place = lenient(Lake(f"file://{tmp_path}/{number}"))
        mapped = several_files(
            place, tmp_path, part(0, "NOK", "SEK", ids=[same, "a" * 64]), part(0, currency, ids=[same])
        )
        if stands == "once":
            assert validate_partition(place, mapped).rows == 2
            continue
        with pytest.raises(PartitionRefused, match="id_unique"):
            validate_partition(place, mapped)


def test_a_sample_failure_that_no_row_explains_is_red(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing sample must fail as a row: a day without invalid rows must not be published then."""
    monkeypatch.setattr(partition_validator, "failing_rows", lambda *args: {})
    mapped = several_files(lenient(lake), tmp_path, part(0, "x"))
    with pytest.raises(ValidationBroken, match="could not be checked"):
        validate_partition(lenient(lake), mapped)


def test_an_error_while_loading_great_expectations_is_reported(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ImportError("no such library")

    monkeypatch.setattr(partition_validator, "load_great_expectations", broken)
    with pytest.raises(ImportError, match="no such library"):
        validate_partition(lenient(lake), several_files(lenient(lake), tmp_path, part(0, "NOK")))
