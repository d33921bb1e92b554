"""Texts of a customer's events are matched in linear time, or not at all."""

from __future__ import annotations

import ast
import importlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.http.backoff import retry_after_seconds
from include.mixpanel.json_tokens import JSON_TOKEN
from include.quality.json_schema_expectation import validator
from include.xdm.convert.scalars import looks_like_a_number, to_number
from include.xdm.dataprep.functions.comparisons import contains
from include.xdm.dataprep.functions.java_regex import MOST_CHARACTERS, compiled
from include.xdm.dataprep.functions.regexes import explode, extract_regex, matches_regex
from include.xdm.dataprep.regex_cost.graph_cycles import cyclic_components
from include.xdm.events.line_parser import deeper_than
from tests.security.slow_regex_texts import slow_text

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
_SCANS = {"search", "finditer", "findall", "sub", "split"}
_METHODS = {"match", "fullmatch", *_SCANS}
# Read from the project's own files, never from an event, a response or a header.
OWN_FILES = {"include/config/model.py", "include/failpoint.py"}


def files() -> list[Path]:
    return [
        path
        for path in sorted((ROOT / "include").rglob("*.py"))
        if path.relative_to(ROOT).parts[1] not in ("sandbox", "demo")
        and str(path.relative_to(ROOT)) not in OWN_FILES
    ]


def expressions() -> dict[str, tuple[re.Pattern[Any], tuple[str, ...]]]:
    """Return every regular expression of the product and its use: named ones, and those written in a call."""
    found: dict[str, tuple[re.Pattern[Any], tuple[str, ...]]] = {}
    for path in files():
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
        ]
        used: dict[str, set[str]] = {}
        for call in calls:
            if not isinstance(call.func, ast.Attribute) or call.func.attr not in _METHODS:
                continue
            if isinstance(call.func.value, ast.Name) and call.func.value.id != "re":
                used.setdefault(call.func.value.id, set()).add(call.func.attr)
            elif call.args and isinstance(call.args[0], ast.Constant):
                name = f"{path.relative_to(ROOT)}:{call.lineno}"
                found[name] = (re.compile(call.args[0].value), (_method(call.func.attr),))
        if "re.compile" in path.read_text(encoding="utf-8"):
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for name, value in vars(module).items():
                if isinstance(value, re.Pattern):
                    methods = {_method(each) for each in used.get(name, {"match", "fullmatch"})}
                    found[f"{path.relative_to(ROOT)}:{name}"] = (value, tuple(sorted(methods)))
    return found


def _method(name: str) -> str:
    return "finditer" if name in _SCANS else name


EXPRESSIONS = expressions()


def test_the_expressions_of_the_product_are_found() -> None:
    assert len(EXPRESSIONS) > 60
    assert "include/xdm/convert/scalars.py:_NUMBER" in EXPRESSIONS
    assert EXPRESSIONS["include/mixpanel/json_tokens.py:JSON_TOKEN"][0] is JSON_TOKEN


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_double_length_takes_double_time(name: str) -> None:
    pattern, methods = EXPRESSIONS[name]
    assert slow_text(pattern, methods) is None


@pytest.mark.parametrize(
    ("expression", "method"),
    [(r"([0-9]+\.?[0-9]*)", "fullmatch"), (rb'"(?:[^"\\]|\\.)*"', "finditer"), ("[ab]+c", "finditer")],
)  # fmt: skip
def test_a_slow_expression_is_detected(expression: Any, method: str) -> None:
    assert slow_text(re.compile(expression), (method,), 2500)


def ratio(call: Callable[[str], object], make: Callable[[int], str], length: int) -> float:
    """Return how much longer four times the text takes, the best of three."""

    def seconds(text: str) -> float:
        began = time.process_time()
        call(text)
        return time.process_time() - began

    short, long = make(length), make(4 * length)
    return min(seconds(long) for _ in range(3)) / max(min(seconds(short) for _ in range(3)), 1e-4)


FORMATS = [
    "email",
    "idn-email",
    "hostname",
    "ipv4",
    "ipv6",
    "uri",
    "uri-reference",
    "date",
    "date-time",
    "uuid",
    "regex",
]
PARTS = ["a", "a.", "a@", "@", '"', "a-", "1", "1:", "%20", "/", " ", "("]


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_of_the_schema_is_checked_in_linear_time(name: str) -> None:
    judge = validator(f'{{"format":"{name}"}}').is_valid
    for part in PARTS:
        for end in ("", "@", "@a.example", "!"):
            assert ratio(judge, lambda n, part=part, end=end: (part * n)[:n] + end, 20_000) < 10, (part, end)


@pytest.mark.parametrize(
    "pattern",
    [
        "^(a+)+$",
        "^(a|a)*$",
        r"^(?=a)(a+)+b$",
        r"^(?!x)(a|a)*b$",
        r"^(a*)*\1b$",
        r"^(\w+\s?)*$",
        r"^([a-z]+)*@x$",
    ],
)
def test_a_pattern_of_the_schema_is_limited_in_time(pattern: str) -> None:
    """jsonschema-rs stops a match that backtracks too often; without the limit these take years."""
    judge = validator(json.dumps({"pattern": pattern})).is_valid
    began = time.process_time()
    for length in (30, 1000, 20_000):
        judge("a" * length + "!")
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("call", "make"),
    [
        (looks_like_a_number, lambda n: "1" * n + "x"),
        (looks_like_a_number, lambda n: "1" * n + "."),
        (to_number, lambda n: "1" * n + "x"),
        (to_number, lambda n: " " * n + "x"),
        (lambda text: deeper_than(text.encode(), 3), lambda n: '[[[[]]]]"' + '\\"' * n),
    ],
    ids=["digits", "digits-dot", "number", "spaces", "open-string"],
)  # fmt: skip
def test_a_value_is_parsed_in_linear_time(call: Callable[[str], object], make: Callable[[int], str]) -> None:
    assert ratio(call, make, 20_000) < 10


@pytest.mark.parametrize("function", [explode, extract_regex, matches_regex])
def test_an_expression_of_a_mapping_set_is_matched_on_a_bounded_text(function: Any) -> None:
    assert function("a" * MOST_CHARACTERS, "a+") is not None
    with pytest.raises(ValueError, match="too many for a regular expression"):
        function("a" * (MOST_CHARACTERS + 1), "a+")
    with pytest.raises(ValueError, match="too many for a regular expression"):
        function("a", "a" * (MOST_CHARACTERS + 1))


EXPLODES = [
    r"(a+)+$", r"(a*)*b", r"(a|aa)+b", r"(\w+\s?)*$", r"([a-z]+)*@", r"(?:\d+|\w)+x", r"(.*,)*x", r"(a?){30}b", r"(?i)(ab|AB)+c",
    r"((a|b)*c?)*d", r"(?:a{1,30}){1,30}$", r"(a+){2,}b", r"(?=x)(a+)+", r"(?<name>a+)+b", r"(\p{Alpha}+)*1", r"(\d|12)*x",
]  # fmt: skip
HARMLESS = [
    r"([^,]+),[^,]*,([^,]+)", r"a+b+c", r"([^,]+,)*x", r"(\d+\.)*\d+", r"\w+@\w+\.com", r'"(?:[^"\\]|\\.)*"', r".*foo.*",
    r"(ab|cd)*e", r"[a-z]+(?:_[a-z]+)*", r"(https?://)?[^/]+(/.*)?", r"\s*,\s*", r"(?:a|b|c)+d", r"([A-Z][a-z]*)+", r"(a|b)*a",
    r"(\+\d{1,3}[- ]?)?\d{3}[- ]?\d{4}", r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==)?$", "x" * 9000,
    r"(?=x)*a", r"()*a", r"(?:){3,}b", r"a{0}b", r"(\d{2}){1,9}", r"(?:a?){3}b",
]  # fmt: skip


@pytest.mark.parametrize("pattern", EXPLODES)
def test_an_expression_that_may_take_exponentially_long_is_refused(pattern: str) -> None:
    """Of a mapping set, or of a property: ``one =~ other`` reads it from an event."""
    with pytest.raises(ValueError, match="may take exponentially long"):
        compiled(pattern)
    assert contains('"a"', '"a"')
    with pytest.raises(ValueError, match="may take exponentially long"):
        contains(json.dumps("a" * 40 + "!"), json.dumps(pattern))


@pytest.mark.parametrize("pattern", HARMLESS)
def test_a_harmless_expression_is_accepted(pattern: str) -> None:
    found = compiled(pattern)
    for part in ("a", "1", "ab", "a,", "a1.", "aB", "A/", "http://"):
        began = time.process_time()
        found.fullmatch((part * 40)[:40] + "!")
        assert time.process_time() - began < 0.1


def test_cycles_of_a_graph() -> None:
    steps = {1: [2], 2: [3, 4], 3: [1], 4: [5], 5: [5, 6], 6: [7], 7: [], 8: [8, 1]}
    assert sorted(map(sorted, cyclic_components(steps))) == [[1, 2, 3], [5], [8]]


def test_the_length_of_a_header_is_limited() -> None:
    from datetime import UTC, datetime

    assert retry_after_seconds("1" * 65, datetime(2026, 7, 1, tzinfo=UTC)) is None
    assert retry_after_seconds("120", datetime(2026, 7, 1, tzinfo=UTC)) == 120
