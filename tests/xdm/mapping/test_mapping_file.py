"""Files of mapping sets: JSON and CSV, and the files that they include."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from include.errors import ConfigError
from include.xdm.mapping.mapping_file import MAPPINGS, read_mapping_file
from tests.support.builders import (
    row,
)
from tests.support.mapping_rows import written

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("form", ['{"mappings": [%s], "id": "x", "version": 0}', "[%s]"])
def test_a_mapping_file_is_a_set_or_its_list(tmp_path: Path, form: str) -> None:
    (tmp_path / "m.json").write_text(form % '{"source": "event", "destination": "eventType"}')
    assert read_mapping_file("m.json", tmp_path) == [
        {"sourceType": "ATTRIBUTE", "source": "event", "destination": "eventType"}
    ]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [(b"{", r"m\.json is not valid JSON: "), (b"5", r"m\.json does not contain a list"), (b"{}", r"m\.json does not contain a list"),
     (b"[5]", r"m\.json does not contain a list"), (b'{"mappings": {}}', r"m\.json does not contain a list"), (b"\xff", r"m\.json is not valid JSON")],
)  # fmt: skip
def test_a_file_that_is_not_a_mapping_set_is_named(tmp_path: Path, body: bytes, sentence: str) -> None:
    (tmp_path / "m.json").write_bytes(body)
    with pytest.raises(ConfigError, match=sentence):
        read_mapping_file("m.json", tmp_path)


def test_a_missing_mapping_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"Mapping file none\.json was not found"):
        read_mapping_file("none.json")


def test_a_file_includes_others_and_its_own_mappings_win(tmp_path: Path) -> None:
    one = {"mappings": [row("event", "a"), row("event", "b"), row("event", "c")]}
    two = [row("properties.x", "b")]
    both = {"include": ["one.json", "two.json"], "mappings": [row("properties.y", "c")]}
    found = read_mapping_file("both.json", written(tmp_path, one=one, two=two, both=both))
    assert [(each["source"], each["destination"][-1]) for each in found] == [
        ("event", "a"), ("properties.x", "b"), ("properties.y", "c"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("include", "sentence"),
    [
        (["m.json"], r"m\.json includes m\.json, which includes it"),
        (["back.json"], r"back\.json includes m\.json, which includes it"),
        (["none.json"], r"Mapping file none\.json was not found"),
        ("web.json", r"m\.json has an include that is not a list"),
        ([5], r"m\.json has an include that is not a list"),
        (["../web.json"], r"m\.json has an include that is not a list"),
    ],
)
def test_an_invalid_include_is_named(tmp_path: Path, include: Any, sentence: str) -> None:
    back = {"include": ["m.json"], "mappings": []}
    written(tmp_path, m={"include": include, "mappings": []}, back=back)
    with pytest.raises(ConfigError, match=sentence):
        read_mapping_file("m.json", tmp_path)


@pytest.mark.parametrize("name", sorted(path.name for path in MAPPINGS.glob("*.json")))
def test_every_shipped_mapping_file_can_be_read(name: str) -> None:
    assert read_mapping_file(name)


CSV_FORMS = {
    "as the API names them": "sourceType,source,destination\nATTRIBUTE,data.a,x.b\nEXPRESSION,upper(data.a),x.c\n",
    "as people name them": "Target field,Source field\r\nx.b,data.a\r\nx.c,upper(data.a)\r\n,\r\n",
    "with a byte order mark": "\ufeffsource,destination\ndata.a,x.b\nupper(data.a),x.c\n",
    "with what else there is": "Name,Source Type,Source,Destination,Description\nn,attribute,data.a,x.b,\n,expression,upper(data.a),x.c,d\n",
}


@pytest.mark.parametrize("text", CSV_FORMS.values(), ids=CSV_FORMS.keys())
def test_a_mapping_file_may_be_csv_as_downloaded_from_aep(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.csv").write_bytes(text.encode())
    assert read_mapping_file("m.csv", tmp_path) == [
        {"sourceType": "ATTRIBUTE", "source": "data.a", "destination": "x.b"},
        {"sourceType": "EXPRESSION", "source": "upper(data.a)", "destination": "x.c"},
    ]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"a,b\n1,2\n", "m.csv has no columns for source and destination in its first line."),
        (b"", "m.csv has no columns for source and destination"),
        (b"\xff\xfe", "m.csv cannot be read as CSV. Save it as a comma-separated file in UTF-8"),
        (b'source,destination\n"a', "m.csv cannot be read as CSV."),
    ],
)
def test_a_csv_file_that_is_not_a_mapping_set_is_refused(tmp_path: Path, body: bytes, sentence: str) -> None:
    (tmp_path / "m.csv").write_bytes(body)
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        read_mapping_file("m.csv", tmp_path)


def test_a_csv_row_may_mark_an_identity(tmp_path: Path) -> None:
    text = "source,destination,identity,namespaceCode\ndata.user_id,x.b,true,CRMID\ndata.a,x.c,false,\n"
    (tmp_path / "m.csv").write_text(text)
    assert [row.get("identity") for row in read_mapping_file("m.csv", tmp_path)] == ["CRMID", None]
