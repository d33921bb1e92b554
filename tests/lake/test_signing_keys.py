"""Signed records: what a writer without the key can and cannot do, and how keys are rotated."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import BadManifest, ConfigError, ForgedRecord
from include.lake.lake import Lake
from include.lake.lake_id import LAKE_ID_KEY, ensure_lake_id, read_lake_id
from include.lake.records import create_record, read_index, read_record, replace_index
from include.lake.signing_keys import SIGNING_KEYS_ENVIRONMENT, SigningKeys, split_signature
from include.lake.unsigned_records import has_inventory, unsigned_records, write_inventory
from tests.support.s3_server import s3_server

pytestmark = [pytest.mark.unit, pytest.mark.case("M16")]
# The same in every worker of pytest-xdist: some are part of test ids.
ONE, TWO, THREE = (hashlib.sha256(name).hexdigest() for name in (b"one", b"two", b"three"))
KEY = "shop/2026-07-01/looks/" + "ab" * 16 + ".json"
BODY = b'{"export": "x"}'


def keys(*texts: str) -> SigningKeys:
    found = SigningKeys.parse(",".join(texts))
    assert found is not None
    return found


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/lake"


def test_m16_a_record_is_read_as_it_was_written(url: str) -> None:
    lake = Lake(url, keys(ONE))
    assert create_record(lake, KEY, BODY)
    assert not create_record(lake, KEY, BODY)
    assert read_record(lake, KEY) == BODY
    assert json.loads(lake.read(KEY) or b"") == {
        **json.loads(BODY), "signed": {"key": next(iter(keys(ONE).keys)), "hmac": split_signature(lake.read(KEY) or b"").hmac},
    }  # fmt: skip


@given(
    st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.lists(st.text())), min_size=1),
    st.sampled_from([None, 1]),
)
def test_m16_any_object_is_signed_and_verified_by_its_bytes(
    record: dict[str, object], indent: int | None
) -> None:
    signing_keys, body = keys(ONE), json.dumps(record, indent=indent).encode()
    signed = signing_keys.sign(KEY, body)
    assert split_signature(signed).payload == body
    assert signing_keys.verifies(KEY, split_signature(signed))
    assert json.loads(signed).keys() == record.keys() | {"signed"}


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_m16_every_changed_byte_is_detected(place: int, change: bytes) -> None:
    signing_keys = keys(ONE)
    signed = signing_keys.sign(KEY, BODY)
    place %= len(signed)
    changed = signed[:place] + change + signed[place + len(change) :]
    found = split_signature(changed)
    assert changed == signed or found.key_id is None or not signing_keys.verifies(KEY, found)


def test_m16_a_record_is_valid_only_at_its_own_key(url: str) -> None:
    lake, other = Lake(url, keys(ONE)), KEY.replace("2026-07-01", "2026-07-02")
    create_record(lake, KEY, BODY)
    lake.create(other, lake.read(KEY) or b"")
    with pytest.raises(ForgedRecord, match=r"does not match its signature: it was changed or moved"):
        read_record(lake, other)


@pytest.mark.parametrize(
    "forged",
    [BODY, b"", b"{}", b"null", BODY + b"\n", b'{"export": "x", "signed": {}}',
     b'{"export": "x",\n "signed": {"key": "' + b"0" * 16 + b'", "hmac": "' + b"0" * 64 + b'"}}',
     keys(TWO).sign(KEY, BODY), keys(ONE).sign(KEY, BODY) + b" ", keys(ONE).sign(KEY, b'{"export": "y"}')[:-70]],
)  # fmt: skip
def test_m16_an_unsigned_record_is_refused_with_a_sentence(url: str, forged: bytes) -> None:
    lake = Lake(url, keys(ONE))
    lake.create(KEY, forged)
    with pytest.raises(ForgedRecord) as refused:
        read_record(lake, KEY)
    assert lake.uri(KEY) in refused.value.sentence
    assert "Nothing was changed in AEP" in refused.value.hint
    assert issubclass(ForgedRecord, BadManifest)
    assert read_index(lake, KEY) is None, "what can be made again is made again"


def test_m16_a_process_without_the_key_refuses_signed_records(url: str) -> None:
    create_record(Lake(url, keys(ONE)), KEY, BODY)
    for read in (read_record, read_index):
        with pytest.raises(ForgedRecord, match=r"is signed, but this process has no signing key") as refused:
            read(Lake(url), KEY)
        assert SIGNING_KEYS_ENVIRONMENT in refused.value.hint


def test_m16_keys_are_rotated_without_rewriting_records(url: str) -> None:
    create_record(Lake(url, keys(ONE)), KEY, BODY)
    later, last = Lake(url, keys(TWO, ONE)), Lake(url, keys(TWO))
    assert read_record(later, KEY) == BODY
    create_record(later, f"{KEY}-2", BODY)
    assert read_record(last, f"{KEY}-2") == BODY, "the first key signs"
    with pytest.raises(ForgedRecord, match="which is not one of the lake's keys") as refused:
        read_record(last, KEY)
    assert "keep the old key" in refused.value.hint


RAW = hashlib.sha256(b"raw").digest()


@pytest.mark.parametrize(
    "text",
    [RAW.hex(), RAW.hex().upper(), base64.b64encode(RAW).decode(), base64.urlsafe_b64encode(RAW).decode(),
     base64.b64encode(RAW).decode().rstrip("="), f" {RAW.hex()}\n"],
)  # fmt: skip
def test_m16_a_key_is_read_in_each_encoding(text: str) -> None:
    assert list(keys(text).keys.values()) == [RAW]


@pytest.mark.parametrize("text", [None, "", " ", ",", "\n"])
def test_m16_an_empty_key_is_refused(text: str | None) -> None:
    assert SigningKeys.parse(text) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [("abcd", "shorter than 32 bytes"), (hashlib.sha256(b"short").hexdigest()[:62], "shorter"), ("00" * 32, "not random"), ("ab" * 40, "random"),
     ("not a key", "not valid base64 or hexadecimal|shorter"), ("päßword" * 9, "not valid"), (f"{ONE},x", "shorter|not valid")],
)  # fmt: skip
def test_m16_a_weak_key_is_refused_and_not_repeated(
    text: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SIGNING_KEYS_ENVIRONMENT, text)
    with pytest.raises(ConfigError, match=says) as refused:
        Lake("file:///nowhere")
    assert text not in str(refused.value)
    assert SIGNING_KEYS_ENVIRONMENT in refused.value.sentence


def test_m16_no_repr_and_no_record_shows_a_key(url: str) -> None:
    lake = Lake(url, keys(ONE))
    create_record(lake, KEY, BODY)
    assert ONE not in repr(lake.signing_keys)
    assert bytes.fromhex(ONE) not in (lake.read(KEY) or b"")
    assert ONE.encode() not in (lake.read(KEY) or b"")


def test_m16_every_lake_gets_its_keys_from_the_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIGNING_KEYS_ENVIRONMENT, ONE)
    made = ensure_lake_id(Lake(url))
    assert read_lake_id(Lake(url, keys(ONE))) == made
    with pytest.raises(ForgedRecord):
        read_lake_id(Lake(url, keys(TWO)))


def test_m16_records_from_before_the_key_are_valid_once_listed(url: str) -> None:
    old, lake = Lake(url), Lake(url, keys(ONE))
    create_record(old, KEY, BODY)
    ensure_lake_id(old)
    replace_index(old, f"_histories/{'ab' * 16}/index.json", BODY)
    with pytest.raises(ForgedRecord, match="is not signed"):
        read_record(lake, KEY)
    found = unsigned_records(lake, (LAKE_ID_KEY, "_histories", "shop"))
    assert set(found) == {KEY, LAKE_ID_KEY}, "an index is made again"
    assert not has_inventory(lake)
    write_inventory(lake, found, datetime.now(UTC).isoformat(), "me", "first")
    assert has_inventory(lake)
    assert read_record(lake, KEY) == BODY
    assert read_record(Lake(url, keys(TWO, ONE)), KEY) == BODY
    assert unsigned_records(lake, (LAKE_ID_KEY, "_histories", "shop")) == {}


def test_m16_a_listed_record_is_valid_with_its_content_at_its_key(url: str, tmp_path: Path) -> None:
    old, lake = Lake(url), Lake(url, keys(ONE))
    create_record(old, KEY, BODY)
    write_inventory(lake, unsigned_records(lake, ("shop",)), "now", "me", "first")
    other = KEY.replace("2026-07-01", "2026-07-02")
    create_record(old, other, BODY)
    (tmp_path / "lake" / KEY).write_bytes(BODY + b" ")
    for key in (KEY, other):
        with pytest.raises(ForgedRecord, match="is not signed"):
            read_record(lake, key)


@pytest.mark.parametrize("forge", ["of another key", "unsigned", "moved"])
def test_m16_a_forged_inventory_lists_nothing(url: str, tmp_path: Path, forge: str) -> None:
    old, lake = Lake(url), Lake(url, keys(ONE))
    create_record(old, KEY, BODY)
    found = unsigned_records(lake, ("shop",))
    path = tmp_path / "lake" / "_signed" / "000001.json"
    write_inventory(Lake(url, keys(TWO)) if forge == "of another key" else lake, found, "now", "me", "x")
    if forge == "unsigned":
        path.write_bytes(split_signature(path.read_bytes()).payload)
    if forge == "moved":
        path.rename(path.with_name("000002.json"))
    with pytest.raises(ForgedRecord, match="has no valid signature"):
        read_record(Lake(url, keys(ONE)), KEY)


@pytest.mark.sandbox
def test_m16_records_of_a_bucket_are_signed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server("signed") as endpoint:
        for name, value in {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y",
                            "AWS_REGION": "eu-north-1"}.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        lake = Lake("s3://signed/lake", keys(ONE))
        create_record(lake, KEY, BODY)
        assert read_record(lake, KEY) == BODY
        replace_index(lake, KEY, b'{"export": "y"}')
        assert read_index(lake, KEY) == b'{"export": "y"}'
        with pytest.raises(ForgedRecord):
            read_record(Lake("s3://signed/lake", keys(TWO)), KEY)
