"""Uploaded files can be previewed before the batch is completed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from httpx import Response

from mixpanel_aep_sandbox.aep.core.constants import IMPORT
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AepApp]:
    with aep_app(tmp_path_factory.mktemp("sandbox")) as caller:
        yield caller


def previewed(aep: AepApp, content: bytes, **params: Any) -> Response:
    dataset = aep.ready()
    batch = aep.create(dataset)
    aep.put(batch, dataset, content)
    return aep.request("GET", f"{IMPORT}/batches/{batch}/datasets/{dataset}/preview", params=params)


def test_columns_and_rows_of_json(aep: AepApp) -> None:
    content = lines(row("1", distinctId="a", tags=["x"]), {"_id": "2", "n": None}) + b"{"
    answer = previewed(aep, content, format="json").json()
    assert answer["formatParams"] == {"format": "json"}
    names = ["_id", "timestamp", "_acmesandbox/distinctId", "_acmesandbox/tags", "_corrupt_record"]
    assert answer["preview"]["columns"] == [{"cid": str(n), "name": name} for n, name in enumerate(names)]
    assert answer["preview"]["rows"] == [
        {"0": "id1", "1": "2024-05-01T10:00:00.123Z", "2": "a", "3": '["x"]'},
        {"0": "2"},
        {"4": "{"},
    ]


def test_columns_and_rows_of_csv_and_parquet(aep: AepApp) -> None:
    answer = previewed(aep, b"a|b\n1|2\n3|4\n", format="CSV", delimiter="|", nrow=1).json()
    assert answer["preview"]["rows"] == [{"0": "1", "1": "2"}]
    answer = previewed(aep, b"1,2\n", format="csv", header="false").json()
    assert [column["name"] for column in answer["preview"]["columns"]] == ["_c0", "_c1"]
    file = io.BytesIO()
    pq.write_table(pa.table({"any": [1, 2], "column": ["x", None]}), file)
    answer = previewed(aep, file.getvalue(), format="parquet").json()
    assert answer["preview"]["rows"] == [{"0": "1", "1": "x"}, {"0": "2"}]


def test_no_more_rows_than_requested(aep: AepApp) -> None:
    content = lines(*(row(str(number)) for number in range(150)))
    for params, count in (({}, 100), ({"nrow": 0}, 100), ({"nrow": 7}, 7), ({"nrow": 999}, 150)):
        answer = previewed(aep, content, format="json", **params).json()
        assert len(answer["preview"]["rows"]) == count
    array = b'[{"a": 1}, {"a": 2}]'
    answer = previewed(aep, array, format="json", isMultiLineJson="true").json()
    assert answer["preview"]["rows"] == [{"0": "1"}, {"0": "2"}]


@pytest.mark.parametrize(
    "params",
    [
        {"format": "xml"},
        {"format": "parquet"},
        {"format": "json", "isMultiLineJson": "true"},
        {"format": "json", "isMultiLineJson": "yes"},
        {"format": "json", "nrow": "x"},
        {"format": "csv", "delimiter": ",,"},
        {"format": "csv", "charset": "none"},
    ],
)
def test_previews_that_are_refused(aep: AepApp, params: dict[str, str]) -> None:
    assert previewed(aep, lines(row("1"), row("2")), **params).status_code == 400


def test_a_preview_without_files(aep: AepApp) -> None:
    dataset = aep.ready()
    batch = aep.create(dataset)
    base = f"{IMPORT}/batches"
    answer = aep.ok("GET", f"{base}/{batch}/datasets/{dataset}/preview", params={"format": "json"})
    assert answer["preview"] == {"columns": [], "rows": []}
    for wrong in (f"{batch}/datasets/none", f"none/datasets/{dataset}"):
        assert aep.request("GET", f"{base}/{wrong}/preview", params={"format": "json"}).status_code == 404
