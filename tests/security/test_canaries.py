"""The search finds every spelling in every kind of file, and nothing in clean files; otherwise M07 proves nothing."""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.aep.settings import AepSettings
from include.mixpanel.settings import MixpanelSettings
from tests.support import canaries
from tests.support.canaries import CANARIES, PAIRS, Leak, find_canaries, find_in, spellings

pytestmark = [pytest.mark.unit, pytest.mark.case("M07")]
SPELLED = [
    (canary, spelling, text)
    for canary, secret in CANARIES.items()
    for spelling, text in spellings(secret).items()
]
MADE = {
    "bearer token of the sandbox": "sandbox-token-" + "Ab3_-" * 12,
    "JSON Web Token": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{'x' * 43}",
    "Authorization header": '{"Authorization": "Basic dXNlcjpodW50ZXIy"}',
}


@pytest.mark.parametrize(
    ("canary", "spelling", "text"), SPELLED, ids=[f"M07-{c}-{s}".replace(" ", "_") for c, s, _ in SPELLED]
)
def test_every_spelling_of_every_secret_is_found(
    tmp_path: Path, canary: str, spelling: str, text: str
) -> None:
    path = tmp_path / "log.txt"
    path.write_text(f"before{text}after", encoding="utf-8")
    assert canary in {leak.canary for leak in find_canaries([tmp_path])}, spelling


@pytest.mark.parametrize("name", MADE)
def test_secrets_created_at_run_time_are_found(name: str) -> None:
    assert name in {canary for canary, _ in find_in(f"x {MADE[name]} y")}


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_is_found_in_its_basic_authentication_form(name: str) -> None:
    token = base64.b64encode(PAIRS[name].encode()).decode()
    assert (name, "base64") in find_in(f'{{"header": "{token}"}}')


def test_a_secret_is_found_in_every_kind_of_file_and_in_a_name(tmp_path: Path) -> None:
    secret = CANARIES["AWS secret key"]
    lake = tmp_path / "lake" / "deep"
    lake.mkdir(parents=True)
    whole = gzip.compress(json.dumps({"a": secret}).encode() + b" " * 999)
    (lake / "whole.jsonl.gz").write_bytes(whole)
    (lake / "cut.gz").write_bytes(whole[:-9])
    pq.write_table(pa.table({"a": [{"b": ["x", secret]}]}), lake / "rows.parquet", compression="zstd")
    with sqlite3.connect(lake / "airflow.db") as database:
        database.execute("CREATE TABLE xcom (value TEXT)")
        database.execute("INSERT INTO xcom VALUES (?)", (secret,))
    (lake / f"{canaries.PROJECT_SECRET}.txt").write_text("")
    found = find_canaries([tmp_path])
    assert {leak.path.name: leak.member for leak in found} == {
        "whole.jsonl.gz": "gzip",
        "cut.gz": "gzip",
        "rows.parquet": "Parquet",
        "airflow.db": "",
        f"{canaries.PROJECT_SECRET}.txt": "name",
    }
    assert find_canaries([lake / "airflow.db"]) == [Leak(lake / "airflow.db", "AWS secret key", "plain")]


def test_a_clean_tree_is_clean(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("Authorization: Bearer *** and a basic question of bearer bonds\n")
    (tmp_path / "rows.gz").write_bytes(gzip.compress(b'{"canary": "a bird", "token": null}'))
    pq.write_table(pa.table({"secret": ["***"]}), tmp_path / "rows.parquet")
    assert find_canaries([tmp_path, tmp_path / "absent"]) == []


def test_the_canaries_are_valid_in_their_connections() -> None:
    mixpanel = MixpanelSettings(canaries.MIXPANEL_USER, canaries.MIXPANEL_SECRET, 1)
    aep = AepSettings(canaries.AEP_CLIENT, canaries.AEP_SECRET, "X@AdobeOrg", "prod")
    assert all(find_in(secret) for secret in (*mixpanel.secrets, *aep.secrets))
