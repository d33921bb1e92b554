"""Which values are identities: AEP's table and the list of placeholders, the same for a value and for a column."""

from __future__ import annotations

import hashlib
import json
import string
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.config.identities import IdentityPlaceholders
from include.xdm.convert.column_converter import decode_values
from include.xdm.identities.identity_rules import BLANKS, REASONS, IdentityRules, identity_rules
from include.xdm.identities.identity_values import IdentityValues, apply_rules, read_identities
from include.xdm.identities.placeholders import PLACEHOLDERS
from include.xdm.mapping.docs_page import PAGE, replace_tables

pytestmark = pytest.mark.unit
DEFAULT = IdentityPlaceholders()
NONE = IdentityPlaceholders(defaults=False)
HASHES = ("Email_LC_SHA256", "Phone_SHA256", "Phone_SHA256_E.164")
NAMESPACES = ("MixpanelUser", "ECID", "Phone_E.164", "Email", *HASHES)
ECID = "83238819066235616291057085344313877718"
LONG = 2**63 - 1
ZERO_UUID = "00000000-0000-0000-0000-000000000000"
HASH = hashlib.sha256(b"ann@x.example").hexdigest()


def column(rules: IdentityRules, *values: Any) -> list[tuple[str | None, str | None]]:
    """Return identities and reasons of JSON values, as a column of a day is read."""
    raw = [
        value
        if isinstance(value, msgspec.Raw)
        else msgspec.Raw(json.dumps(value, ensure_ascii=False).encode())
        for value in values
    ]
    found = apply_rules(read_identities(decode_values(raw)), rules)
    reasons = [None if number is None else REASONS[number] for number in found.reasons.to_pylist()]
    return list(zip(found.texts.to_pylist(), reasons, strict=True))


# Namespace, JSON text of the value, the identity, or the reason in capitals.
CASES: list[tuple[str, str, str | None]] = [
    ("User", "null", None), ("User", '""', None), ("User", '"u-1"', "u-1"), ("User", '" u 1 "', "u 1"),
    ("User", '["a","b"]', "WRONG_TYPE"), ("User", "[]", "WRONG_TYPE"), ("User", "{}", "WRONG_TYPE"), ("User", '{"a":1}', "WRONG_TYPE"),
    ("User", "true", "WRONG_TYPE"), ("User", "false", "WRONG_TYPE"),
    ("User", "1002", "1002"), ("User", "-7421", "-7421"), ("User", "3928097563762691601", "3928097563762691601"),
    ("User", "1" * 30, "1" * 30), ("ECID", ECID, ECID), ("User", "1" * 1025, "TOO_LONG"), ("User", "1" * 5000, "TOO_LONG"),
    ("User", "0", "INVALID_NUMBER"), ("User", "-0", "INVALID_NUMBER"), ("User", "-1", "INVALID_NUMBER"), ("User", "1.5", "INVALID_NUMBER"),
    ("User", "1002.0", "INVALID_NUMBER"), ("User", "1e3", "INVALID_NUMBER"), ("User", "1e400", "INVALID_NUMBER"),
    *[("User", f'"{blank}"', "BLANK") for blank in (" ", r"\t", r"\n", "\u3000", r"\u2028", "\u00a0 ", "\u200b", r"\ufeff", r"\u0000", "\u2060\u200d")],
    ("User", '"$device:"', "BLANK"), ("User", '"$device:  "', "BLANK"), ("User", '"$device: a"', "a"), ("User", '"$device:$device:a"', "$device:a"),
    *[("User", f'"{word}"', "BLOCKED") for word in ("null", "NULL", r"null\n", "\u3000Anonymous", "iNvAlId ", "$device:anonymous")],
    ("User", json.dumps("é" * 1024, ensure_ascii=False), "é" * 1024), ("User", json.dumps("é" * 1025, ensure_ascii=False), "TOO_LONG"),
    ("User", json.dumps("x" * 1024), "x" * 1024), ("User", json.dumps("x" * 1025), "TOO_LONG"), ("User", json.dumps("😀" * 1024, ensure_ascii=False), "😀" * 1024),
    ("ECID", f'"{ECID}"', ECID), ("ECID", f'" {ECID} "', ECID), ("ECID", '"123"', "WRONG_FORMAT"), ("ECID", f'"{ECID[:-1]}"', "WRONG_FORMAT"),
    ("ECID", f'"{ECID[:-1]}X"', "WRONG_FORMAT"), ("ECID", f'"{ECID}0"', "WRONG_FORMAT"), ("ECID", f'"{ECID[:-1]}٣"', "WRONG_FORMAT"),
    ("ECID", f'"{LONG}{LONG}"', f"{LONG}{LONG}"), ("ECID", f'"{LONG + 1}{LONG}"', "WRONG_FORMAT"), ("ECID", f'"{LONG}{LONG + 1}"', "WRONG_FORMAT"),
    ("ECID", '"69182582886243657173932344476478431511"', "69182582886243657173932344476478431511"),
    ("ECID", '"69182582886243657179932344476478431511"', "WRONG_FORMAT"), ("ECID", f'"{"0" * 38}"', "PLACEHOLDER"), ("ECID", '"null"', "BLOCKED"),
    ("Ecid", '"123"', "123"), ("Email", '"ann"', "ann"),
    *[(code, f'"{HASH}"', HASH) for code in HASHES], *[(code, '"ann@x.example"', "WRONG_FORMAT") for code in HASHES],
    *[(code, f'"{HASH[:-1]}"', "WRONG_FORMAT") for code in HASHES], ("Phone_SHA256", f'"{HASH.upper()}"', HASH.upper()),
    ("Email_LC_SHA256", f'"{hashlib.sha256(b"").hexdigest()}"', "PLACEHOLDER"), ("Email_LC_SHA256", f'"{hashlib.sha256(b"undefined").hexdigest()}"', "PLACEHOLDER"),
    ("Phone_E.164", '"+4712345678"', "+4712345678"), ("Phone_E.164", '"4712345678"', "WRONG_FORMAT"), ("Phone_E.164", '"+04712"', "WRONG_FORMAT"),
    ("Phone_E.164", '"+47 123"', "WRONG_FORMAT"), ("Phone_E.164", f'"+1{"2" * 15}"', "WRONG_FORMAT"), ("Phone", '"12 34"', "12 34"),
    *[("User", f'"{word}"', "PLACEHOLDER") for word in ("undefined", " UNKNOWN ", "0", "-1", "000", "-", "--", ZERO_UUID, ZERO_UUID.replace("-", ""), "00:00:00:00:00:00",
      "n/a", "[object Object]", "test", "$device:none", "NaN", "$device:0", "9774D56D682E549C", r"\\N")],
    ("User", '"undefined1"', "undefined1"), ("User", '"10"', "10"), ("User", '"-10"', "-10"), ("User", '"1.5"', "1.5"),
]  # fmt: skip


@pytest.mark.parametrize(("namespace", "raw", "expected"), CASES)
def test_a_value_is_an_identity_or_has_one_reason(namespace: str, raw: str, expected: str | None) -> None:
    dropped = expected is not None and expected.lower() in REASONS and expected.isupper()
    wanted = (None, str(expected).lower()) if dropped else (expected, None)
    assert column(identity_rules(namespace, DEFAULT), msgspec.Raw(raw.encode())) == [wanted]


def test_a_column_of_all_cases_equals_the_single_results() -> None:
    raw = [msgspec.Raw(text.encode()) for namespace, text, _ in CASES if namespace == "User"]
    rules = identity_rules("User", DEFAULT)
    assert column(rules, *raw) == [column(rules, each)[0] for each in raw]


def slow(text: str, namespace: str, said: IdentityPlaceholders) -> tuple[str | None, str | None]:
    """Apply the table to one text, without the code of the project."""
    gone = {chr(n) for n in range(0x3001) if chr(n).isspace()} | set(
        "\0\xad\u180e\u200b\u200c\u200d\u2060\ufeff"
    )

    def trimmed(text: str) -> str:
        while text and text[0] in gone:
            text = text[1:]
        while text and text[-1] in gone:
            text = text[:-1]
        return text

    text = trimmed(text)
    if text[:8] == "$device:":
        text = trimmed(text[8:])
    folded = text.lower()
    words = {word for words in PLACEHOLDERS.values() for word in words} if said.defaults else set()
    words = (
        (words | {trimmed(word).lower() for word in said.values})
        - {trimmed(word).lower() for word in said.allow}
        - {""}
    )
    nothing = {"", "null", "anonymous", "invalid", "0"} if said.defaults else set()
    hashes = {hashlib.sha256(word.encode()).hexdigest() for word in words | nothing}
    zero = (
        said.defaults
        and set(text) <= set("0-:")
        and folded not in {trimmed(word).lower() for word in said.allow}
    )
    if text == "":
        return None, "blank"
    if folded in ("null", "anonymous", "invalid"):
        return None, "blocked"
    if len(text) > 1024:
        return None, "too_long"
    if namespace == "ECID" and not (
        len(text) == 38
        and set(text) <= set(string.digits)
        and int(text[:19]) <= LONG
        and int(text[19:]) <= LONG
    ):
        return None, "wrong_format"
    if namespace in HASHES and not (len(text) == 64 and set(text) <= set(string.hexdigits)):
        return None, "wrong_format"
    if namespace == "Phone_E.164":
        digits = text[1:]
        good = (
            text[0] == "+"
            and 2 <= len(digits) <= 15
            and set(digits) <= set(string.digits)
            and digits[0] != "0"
        )
        if not good:
            return None, "wrong_format"
    return (None, "placeholder") if zero or folded in words | hashes else (text, None)


WORDS = [word for words in PLACEHOLDERS.values() for word in words]
PIECES = st.sampled_from(
    [*WORDS, *BLANKS, "$device:", "null", "Anonymous", "INVALID", "0", "-", ":", ZERO_UUID, ECID, ECID[:19], str(LONG), str(LONG + 1), HASH,
     hashlib.sha256(b"").hexdigest(), hashlib.sha256(b"guest").hexdigest(), "+47", "guest", "Gäst", "İ", "K", "x" * 1023, "é" * 1024],
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=4).map("".join)
SAID = st.sampled_from(
    [DEFAULT, NONE, IdentityPlaceholders(values=("Guest", " gäst ", "İ")), IdentityPlaceholders(defaults=False, values=("guest",)),
     IdentityPlaceholders(allow=("0", "Test", "NIL")), IdentityPlaceholders(values=("x", "K"), allow=("x",))],
)  # fmt: skip


@given(st.lists(TEXTS, max_size=8), st.sampled_from(NAMESPACES), SAID)
def test_a_column_a_value_and_the_table_agree(
    texts: list[str], namespace: str, said: IdentityPlaceholders
) -> None:
    rules = identity_rules(namespace, said)
    expected = [slow(text, namespace, said) for text in texts]
    found = apply_rules(IdentityValues(pa.array(texts, pa.string()), pa.nulls(len(texts), pa.int8())), rules)
    reasons = [None if number is None else REASONS[number] for number in found.reasons.to_pylist()]
    assert list(zip(found.texts.to_pylist(), reasons, strict=True)) == expected
    assert [rules.judge(text) for text in texts] == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(JSON, max_size=6))
def test_a_column_of_any_json_equals_the_single_results(values: list[Any]) -> None:
    rules = identity_rules("User", DEFAULT)
    found = column(rules, *values)
    assert found == [column(rules, value)[0] for value in values]
    for value, (identity, reason) in zip(values, found, strict=True):
        assert (identity is None) or (reason is None)
        if isinstance(value, bool | list | dict):
            assert (identity, reason) == (None, "wrong_type")
        if isinstance(value, int) and not isinstance(value, bool) and value not in (0, -1):
            assert identity == str(value)


def test_all_unicode_white_space_is_blank() -> None:
    spaces = {chr(n) for n in range(0x110000) if chr(n).isspace()}
    assert spaces <= set(BLANKS)


@pytest.mark.parametrize(
    ("said", "dropped", "kept"),
    [
        ({}, ["undefined", "0", ZERO_UUID], ["guest"]),
        ({"values": ["Guest"]}, ["undefined", "GUEST", "0"], ["guest-1"]),
        ({"allow": ["unknown", "0"]}, ["undefined", "00"], ["unknown", "Unknown", "0"]),
        ({"defaults": False}, [], ["undefined", "0", ZERO_UUID, "test"]),
        ({"defaults": False, "values": ["guest"]}, ["guest"], ["undefined", "0"]),
    ],
)
def test_a_pipeline_file_extends_replaces_or_switches_off_the_placeholders(
    said: dict[str, Any], dropped: list[str], kept: list[str]
) -> None:
    rules = identity_rules("User", IdentityPlaceholders(**said))
    assert column(rules, *dropped) == [(None, "placeholder")] * len(dropped)
    assert column(rules, *kept) == [(text, None) for text in kept]
    assert column(rules, "null", "\t", "x" * 1025) == [(None, "blocked"), (None, "blank"), (None, "too_long")]


def test_the_page_has_the_rules_and_the_shipped_mappings() -> None:
    """Otherwise: python -m include.xdm.mapping.docs_page"""
    page = PAGE.read_text(encoding="utf-8")
    assert page == replace_tables(page)
    assert all(f"| `{reason}` | " in page for reason in REASONS)


def test_a_text_that_already_has_a_reason_is_not_an_identity() -> None:
    """A column that a field converted holds the JSON of a list as text."""
    given = IdentityValues(
        pa.array(['["a"]', "b", "null"]), pa.array([REASONS.index("wrong_type"), None, None], pa.int8())
    )
    found = apply_rules(given, identity_rules("User", DEFAULT))
    assert found.texts.to_pylist() == [None, "b", None]
    assert found.reasons.to_pylist() == [REASONS.index("wrong_type"), None, REASONS.index("blocked")]
