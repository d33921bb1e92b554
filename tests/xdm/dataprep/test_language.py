"""The expression language: a valid expression has JEXL's tree, an invalid one gets one clear sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.xdm.dataprep.language.check import check
from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.parser import parse
from include.xdm.dataprep.language.tree import Attribute, Call, Literal, Number
from include.xdm.dataprep.language.types import Type
from include.xdm.dataprep.language.words import RESERVED

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("8 / 4 % 3", "(8 / 4) % 3"),
        ("-1 + 2", "(-1) + 2"),
        ("!true && false || true", "((!true) && false) || true"),
        ("1 < 2 == true", "(1 < 2) == true"),
        ("1 =~ [1] == true", "(1 =~ [1]) == true"),
        ("1 | 2 ^ 3 & 4", "1 | (2 ^ (3 & 4))"),
        ("true ? 1 : false ? 2 : 3", "iif(true, 1, iif(false, 2, 3))"),
        ("null ?: 1", "(null) ?: (1)"),
        ("null ?? 1", "coalesce(null, 1)"),
        ("1 eq 2 and 3 ne 4 or not true", "((1 == 2) && (3 != 4)) || (!true)"),
        ("1 lt 2", "1 < 2"), ("1 le 2", "1 <= 2"), ("1 gt 2", "1 > 2"), ("1 ge 2", "1 >= 2"), ("4 div 2", "4 / 2"), ("4 mod 3", "4 % 3"),
        ('"a".equals(\'a\')', "'a'.equals(\"a\")"),
        ("properties['a'].b[0]", "properties.a.b[0]"),
        ("properties.a.0", "properties.a[0]"),
        ("${properties.a b}.c", "properties.${a b}.c"),
        (r"properties.a\.b", "properties.${a.b}"),
        ("properties.${size}", "properties['size']"),
        ("{'a': true ? 1 : 2}", "{'a': iif(true, 1, 2)}"),
        ("0x1F", "31"),
        ("42L", "42"),
        ("007", "7"),
    ],
)  # fmt: skip
def test_the_meaning_of_an_expression(text: str, meaning: str) -> None:
    assert parse(text) == parse(meaning)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("properties.$browser", Attribute(("properties", "$browser"))),
        ("properties.длинное", Attribute(("properties", "длинное"))),
        (r"properties.${First\.Name}", Attribute(("properties", "First.Name"))),
        ("properties.${user.plan}", Attribute(("properties", "user.plan"))),
        ("${properties.user.plan}", Attribute(("properties", "user", "plan"))),
        ("properties.${Total (€)}[12]", Attribute(("properties", "Total (€)", 12))),
        ("properties[-1]", Call("[]", (Attribute(("properties",)), Literal(Number("-1"))))),
        ("get()[0]", Call("[]", (Call("get", ()), Literal(Number("0"))))),
        (r'"a\"b\\c\d\u00e9\n"', Literal('a"b\\c\\dé\n')),
        (r"'\ud83d\ude00'", Literal("😀")),
        ("'it''s'", None),
        ("1.50", Literal(Number("1.5"))),
        ("-3928097563762691601", Literal(Number("-3928097563762691601"))),
        ("- -1", Literal(Number("1"))),
        ("123456789012345678901234567890", Literal(Number("123456789012345678901234567890"))),
    ],
)
def test_names_and_constants(text: str, node: object) -> None:
    if node is None:
        with pytest.raises(LanguageError):
            parse(text)
    else:
        assert parse(text) == node


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a value is expected at its end"),
        ("1 +", "a value is expected at its end"),
        ("1 2", "expected its end but found '2' at position 3"),
        ("(1", "expected ')' but found its end"),
        ("upper(", "a value is expected at its end"),
        ("upper(,)", "a value is expected at ',' at position 7"),
        ("true ? 1", "expected ':' but found its end"),
        ('"abc', "the string that begins at position 1 has no end"),
        ("'abc", "the string that begins at position 1 has no end"),
        ("properties.${a", "the wrapped name that begins at position 12 has no end"),
        ("properties.${}", "a name is expected at '${}' at position 12"),
        ("properties.", "a name is expected at its end"),
        ("properties.a b", "expected its end but found 'b' at position 14"),
        ("properties.new", "'new' at position 12 is a reserved word; write ${new} to use it as a name"),
        ("size + 1", "'size' at position 1 is a reserved word; write ${size} to use it as a name"),
        ("1a", "invalid number at position 1; write a name that begins with a digit as ${...}"),
        ("a # b", "'#' at position 3 is not allowed here; write a name with special characters as ${...}"),
        ("1 < 2 < 3", "two comparisons in a row, the second one '<'; add brackets"),
        ("1 == 2 != 3", "two comparisons in a row, the second one '!='; add brackets"),
        ("a = 1", "'=' at position 3 makes it a script; write a single expression"),
        ("return 1", "'return' at position 1 is a reserved word; write ${return} to use it as a name"),
        ("1; 2", "';' at position 2 makes it a script; write a single expression"),
        ("filterArray([1], x -> x > 0)", "it has a ->, which only functions for destinations accept"),
        ("${properties.a[*].b}", "'${properties.a[*].b}' at position 1 has a [*]; only a mapping of sourceType ATTRIBUTE accepts it"),
        (r"'\ud800'", r"the string '\ud800' contains half of a surrogate pair, which is not valid text"),
        ("(" * 31 + "1" + ")" * 31, "it nests deeper than 30 levels"),
        ("!" * 31 + "true", "it nests deeper than 30 levels"),
        ("1" + "+1" * 60, "it chains or nests more than 60 operations; split it"),
        ("'" + "a" * 4096 + "'", "it has 4098 characters; Data Prep accepts at most 4096"),
    ],
)  # fmt: skip
def test_an_invalid_expression_is_reported_with_its_position(text: str, sentence: str) -> None:
    with pytest.raises(LanguageError) as refused:
        parse(text)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("concta('a')", "the function concta does not exist; nearest is concat"),
        ("zzzzz()", "the function zzzzz does not exist"),
        ("'a'.equal('b')", "the method equal does not exist; nearest is equals"),
        ("lower('a', 'b')", "lower takes 1 arguments, not 2: lower(INPUT)"),
        ("explode()", "explode takes 1 to 2 arguments, not 0: explode(STRING, [REGEX])"),
        ("min()", "min takes 1 or more arguments, not 0: min(OPTIONS, …)"),
        ("to_object('a')", "to_object takes 2 or more arguments, not 1: to_object(KEY, VALUE, …)"),
        ("to_object('a', 1, 'b')", "to_object takes keys and values in pairs: to_object(KEY, VALUE, …)"),
        ("to_map('a', 1, 'b')", "to_map takes one object, objects and a key, or keys and values in pairs: to_map(KEY, …)"),
        ("lower({'a': 1})", "argument 1 of lower, INPUT, has to be a string, not of type object"),
        ("substr('a', now(), 1)", "argument 2 of substr, START_INDEX, has to be an integer, not of type date"),
        ("join_arrays('a')", "argument 1 of join_arrays, ARRAY, has to be an array, not of type string"),
        ("lpad('a', 3)", "lpad takes 3 arguments, not 2: lpad(INPUT, COUNT, PADDING)"),
        ("now() > '2026-07-01'", "a date can only be compared with a date; write date(value, format)"),
        ("max(now(), 5)", "a date can only be compared with a date; write date(value, format)"),
        ("explode(event, '(')", "REGEX of explode: '(' is not a valid regular expression: missing ), unterminated subpattern at position 0"),
        ("date(event, 'yyyy-MM-ddTHH:mm')", "FORMAT of date: 'T' is not a letter of date patterns; write a text in single quotes"),
        ("sha256(event, 'UTF-7')", "CHARSET of sha256: 'UTF-7' is not one of the charsets UTF-8, UTF-16, UTF-16BE, UTF-16LE, ISO-8859-1, US-ASCII"),
        ("zone_date_to_zone(now(), 'Mars/Base')", "ZONE of zone_date_to_zone: 'Mars/Base' is not a time zone"),
        ("contains_key(1)", "INPUT of contains_key has to be a path, bare or in quotes"),
        ("contains_key(browser)", "source 'browser' must be event, properties.<name> or data.<name>; write properties.browser"),
        ("browser", "source 'browser' must be event, properties.<name> or data.<name>; write properties.browser, or 'browser' for a text"),
        ("fpid_to_ecid('x')", "the function fpid_to_ecid is not supported: Adobe does not publish how it computes an ECID from a first-party id"),
    ],
)  # fmt: skip
def test_an_expression_wrong_for_every_row_is_refused_at_once(text: str, sentence: str) -> None:
    with pytest.raises(LanguageError) as refused:
        check(parse(text))
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("event", Type.STRING), ("properties.a", Type.ANY), ("properties", Type.OBJECT), ("data.event_name", Type.ANY),
        ("1", Type.INTEGER), ("1.5", Type.NUMBER), (str(2**63), Type.NUMBER), ("null", Type.NULL), ("[1]", Type.ARRAY),
        ("iif(properties.a, 1, 2)", Type.INTEGER), ("iif(properties.a, 1, 2.5)", Type.NUMBER), ("iif(true, 1, 'a')", Type.ANY),
        ("iif(true, nullify(), 'a')", Type.STRING), ("coalesce(event, 'a')", Type.STRING), ("coalesce(properties.a, 'a')", Type.ANY),
        ("event + 'a'", Type.STRING), ("1 + 2", Type.NUMBER), ("properties.a + 1", Type.ANY), ("properties.a * 2", Type.NUMBER),
        ("decode(event, 'a', 1, 'b', 2)", Type.INTEGER), ("decode(event, 'a', 1, 'none')", Type.ANY), ("max(now(), date(event))", Type.DATE),
    ],
)  # fmt: skip
def test_types_are_known_before_a_row_is_read(text: str, kind: Type) -> None:
    assert check(parse(text)).type is kind


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_a_reserved_word_can_be_a_name_in_braces(word: str) -> None:
    assert parse(f"properties.${{{word}}}") == Attribute(("properties", word))


PIECES = st.sampled_from(
    ["event", "properties", ".", "${a", "b}", "${", "(", ")", "[", "]", "{", "}", ",", ":", "?", "?:", "??", "+", "-", "*", "/", "%", "!", "~", "&", "|", "&&", "||", "==", "!=", "<", "<=", "=~", "->", "=", ";", "'a'", '"b"', "'", '"', "1", "2.5", "1e9", "true", "null", "upper", "iif", "equals", "and", "or", "new", "$x", "\\.", "#", "\u2028", "\x00", "é", "😀", "[*]", "0x"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=15).map(" ".join) | st.lists(PIECES, max_size=15).map("".join) | st.text())
def test_any_text_is_an_expression_or_a_sentence(text: str) -> None:
    try:
        check(parse(text))
    except LanguageError as fault:
        assert str(fault)
