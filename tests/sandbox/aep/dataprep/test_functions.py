"""Function details that the examples do not cover: nulls, types, boundary values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_aep_sandbox.aep.dataprep.functions.registry import FUNCTIONS, METHODS, Function
from mixpanel_aep_sandbox.aep.dataprep.language.errors import ExpressionError
from tests.support.sandbox.dataprep_values import value_of

pytestmark = pytest.mark.unit

OBJECTS = [{"k": "a", "v": 1}, {"k": "b"}, {"v": 3}]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("concat('a', null, 1, true, 2.50)", "a1true2.5"),
        ("concat()", ""),
        ("explode('a,b,,')", ["a", "b", "", ""]),
        ("explode('a\u2028b', '.')", ["", "\u2028", ""]),
        ("explode('a|b', '[|]')", ["a", "b"]),
        ("explode('', ',')", [""]),
        ("explode(null, ',')", None),
        ("instr('adobe adobe', 'adobe', 1)", 6),
        ("instr('adobe adobe', 'adobe', 0, 2)", 6),
        ("instr('adobe', 'x')", -1),
        ("replacestr('aaa', 'a', '')", ""),
        ("replacestr('aaa', '', 'b')", "aaa"),
        ("substr('abc', 1, 99)", "bc"),
        ("substr('abc', 9, 1)", ""),
        ("split('a-b c', '- ')", ["a", "b", "c"]),
        (r"split('a\b', '\\\\')", ["a", "b"]),
        ("split('a', '')", ["a"]),
        ("join('-', 'a', null, 2)", "a-2"),
        ("join('-', ['a', ['b']])", None),
        ("join('-', null)", None),
        ("lpad(null, 3, null)", "   "),
        ("rpad('abc', 2, 'x')", "abc"),
        ("left('abc', 0)", ""),
        ("right('abc', 9)", "abc"),
        ("trim(null)", None),
        ("lower(5)", "5"),
        ("upper('straße')", "STRASSE"),
        ("sha256(1)", "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"),
        ("md5('ä', 'ISO-8859-1')", "c15bcc5577f9fade4b4a3256190a59b0"),
        ("md5('ä', 'US-ASCII') == md5('?')", True),
        ("sha1('a', 'utf-16')", "a0b2b78235d73c8f2c6f675a15bb4d4a668f66c6"),
        ("crc32('', 'UTF-8')", "00000000"),
        ("get_url_host('HTTP://User@Example.COM:80/')", "Example.COM"),
        ("get_url_host('http://[::1]:8/x')", "[::1]"),
        ("get_url_host('no url')", None),
        ("get_url_protocol('mailto:x')", None),
        ("get_url_port('https://a/')", 443),
        ("get_url_port('gopher://a/')", None),
        ("get_url_port('http://a:x/')", None),
        ("get_url_port('http://a:65536/')", None),
        ("get_url_port('http://a:/')", 80),
        ("get_url_host('1a://b/')", None),
        ("get_url_host('http://a\\nb/')", None),
        ("get_url_host('http://:80/')", None),
        ("get_url_path('http://a?b/c')", ""),
        ("trim(' \\t a b \\n')", "a b"),
        ("rtrim('   ')", ""),
        ("right('abc', -1)", ""),
        ("get_url_path('http://a/b/c.html', false)", "c.html"),
        ("get_url_path('http://a/b/c.html', 'no')", "c.html"),
        ("get_url_query_str('http://a/?x=1&y&x=2&=3', 'remove')", {"x": "2", "y": ""}),
        ("get_url_query_str('http://a/', 'append')", {}),
        ("get_url_decoded('%C3%BC%zz+')", "ü%zz+"),
        ("extract_regex('abc', 'x(y)')", []),
        ("extract_regex('abc', '(?:a)(?P<n>b)[(]?(\\\\()?')", ["ab", "b", ""]),
        ("extract_regex('a(b', '\\\\Qa(\\\\E(b)')", ["a(b", "b"]),
        ("matches_regex('abc', 'b')", False),
        ("'a'.equals(1)", False),
        ("(1).equals('1')", True),
        ("'straße'.equalsIgnoreCase('STRASSE')", False),
        ("missing.equals('a')", None),
        ("(1).equals(1)", True),
        ("'Ä'.equalsIgnoreCase('ä')", True),
        ("'a'.equals(null)", False),
        ("{'a': 1}.get('b')", None),
        ("is_empty(null)", True),
        ("is_empty('')", True),
        ("is_empty(0)", False),
        ("arrays_to_object('a', [1, 2], 'b', [3])", [{"a": 1, "b": 3}, {"a": 2}]),
        ("to_object('a', null, 1, 2)", {"a": None, "1": 2}),
        ("str_to_object('a:b:c, d : e,f')", {"a": "b:c", "d": "e"}),
        ("get_values('a:1', 'b', ':', ',')", None),
        ("get_values('a:1', 'a', null, '')", "1"),
        ("contains_key('objects[1].k')", True),
        ("contains_key('objects[9]')", False),
        ("contains_key('objects[*].v')", True),
        ("contains_key('nothing')", True),
        ("contains_key(null)", False),
        ("get_keys(null)", None),
        ("coalesce([null, 2])", 2),
        ("coalesce(null, objects, 1)", OBJECTS),
        ("coalesce(missing, nothing)", None),
        ("coalesce(1, 1 / 0)", 1),
        ("decode('a', 'a', 1, 1 / 0)", 1),
        ("first([])", None),
        ("last(null)", None),
        ("first([7, 8])", 7),
        ("add_to_array(null, 1)", None),
        ("add_to_array([1], null, [2])", [1, None, [2]]),
        ("join_arrays([1], null, [2])", [1, 2]),
        ("to_array(true, null)", [None]),
        ("to_array('yes', null, 1)", [None, 1]),
        ("size_of(null)", 0),
        ("size_of('abc')", 3),
        ("size_of(5)", 1),
        ("array_to_string('-', [1, [2, null, [3]]])", "1-2-3"),
        ("filterArray(objects, o -> o.v > 0)", [OBJECTS[0], OBJECTS[2]]),
        ("transformArray(objects, o -> o.k ?: 'none')", ["a", "b", "none"]),
        ("map_get_values({'a': 1, '2': 3}, 2)", 3),
        ("map_get_values({'a': 1, 'b': 2}, ['b', 'b', 'c', 'a'])", [2, 1]),
        ("map_has_keys({'a': 1}, ['x', 'a'])", True),
        ("map_has_keys({'a': 1}, [])", False),
        ("add_to_map({'a': 1}, null, {'a': 2, 'b': 3})", {"a": 1, "b": 3}),
        ("to_map(null)", None),
        ("to_map(objects[0])", OBJECTS[0]),
        ("object_to_map(missing)", None),
        ("object_to_map(objects, 'k')", {"a": OBJECTS[0], "b": OBJECTS[1]}),
        ("object_to_map(objects[0], k)", {"a": OBJECTS[0]}),
        ("object_to_map(1, 2)", {"1": 2}),
        ("array_to_map(objects, 'k')", {"a": OBJECTS[0], "b": OBJECTS[1]}),
        ("decode(1, '1', 'one')", "one"),
        ("decode(2, 1, 'one')", None),
        ("decode(null, null, 'nothing')", "nothing"),
        ("iif(missing, 1, 2)", 2),
        ("iif(true, 1, 1 / 0)", 1),
        ("min('b', 'a', null)", "a"),
        ("max([1, 2.5, 2])", 2.5),
        ("max(null)", None),
        ("to_bigint('123456789012345678901234567890')", 123456789012345678901234567890),
        ("to_integer(' 12 ')", 12),
        ("to_integer('12.0')", 12),
        ("to_decimal(3)", 3.0),
        ("to_float('0.1')", 0.1),
        ("to_float(16777217)", 16777216.0),
        ("json_to_object('[1, 2.5, {\"a\": null}]')", [1, 2.5, {"a": None}]),
        ("json_to_object(null)", None),
    ],
)
def test_functions_have_their_values(expression: str, value: Any) -> None:
    if expression == "join('-', ['a', ['b']])":
        with pytest.raises(ExpressionError):
            value_of(expression)
        return
    found = value_of(expression, objects=OBJECTS, nothing=None)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "expression",
    [
        "instr('a', 'a', 0, 0)",
        "substr('a', -1, 1)",
        "md5('a', 'EBCDIC')",
        "to_integer('2147483648')",
        "to_integer('1.5')",
        "to_integer('one')",
        "to_float('1e39')",
        "to_float(nan)",
        "to_object('a')",
        "to_object(null, 1)",
        "arrays_to_object('a', 1)",
        "array_to_map([1], 'k')",
        "object_to_map(5)",
        "json_to_object('{')",
        "json_to_object('NaN')",
        "json_to_object('1e99999999999999999999')",
        "json_to_object(concat('\"', '\\\\ud800', '\"'))",
        "contains_key('a..b')",
        "filterArray([1], 2)",
        "coalesce(x -> x)",
        "first({'a': x -> x})",
        "extract_regex('a', '(')",
        "extract_regex('a', '(?=a)')",
        "lower({'a': 1})",
        "size_of(1, 2)",
    ],
)
def test_functions_refuse(expression: str) -> None:
    with pytest.raises(ExpressionError):
        value_of(expression, nan=float("nan"))


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=6)),
    lambda parts: st.one_of(
        st.lists(parts, max_size=3), st.dictionaries(st.text(max_size=3), parts, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("function", [*FUNCTIONS.values(), *METHODS.values()], ids=lambda f: f.name)
@given(values=st.lists(_JSON, min_size=8, max_size=8), more=st.integers(0, 2))
@settings(max_examples=12, deadline=None)
def test_any_argument_gives_a_value_or_an_evaluation_error(
    function: Function, values: list[Any], more: int
) -> None:
    count = min(function.fewest + more, function.most if function.most is not None else 8, 8)
    names = [f"v{n}" for n in range(count)]
    lambdas = [n for n in range(count) if function.parameter(n).kind == "lambda"] if count else []
    written = ["x -> x" if n in lambdas else name for n, name in enumerate(names)]
    if function.name in METHODS:
        expression = f"{written[0]}.{function.name}({', '.join(written[1:])})"
    else:
        expression = f"{function.name}({', '.join(written)})"
    try:
        value_of(expression, **dict(zip(names, values, strict=False)))
    except ExpressionError as error:
        assert error.message
