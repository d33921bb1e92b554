"""The expression language: its grammar, its operators, its bounds."""

from __future__ import annotations

import string
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mixpanel_aep_sandbox.aep.dataprep.functions.registry import FUNCTIONS
from mixpanel_aep_sandbox.aep.dataprep.functions.values import plain
from mixpanel_aep_sandbox.aep.dataprep.language.check import parse_and_check
from mixpanel_aep_sandbox.aep.dataprep.language.errors import ExpressionError, SyntaxFault
from mixpanel_aep_sandbox.aep.dataprep.language.evaluate import evaluate
from mixpanel_aep_sandbox.aep.dataprep.language.options import Options
from mixpanel_aep_sandbox.aep.dataprep.language.parser import parse
from mixpanel_aep_sandbox.aep.dataprep.language.scope import Scope
from mixpanel_aep_sandbox.aep.dataprep.language.words import SIGNS
from tests.support.sandbox.dataprep_trees import TREES, printed
from tests.support.sandbox.dataprep_values import ALL, NOW, value_of

pytestmark = pytest.mark.unit

ROW: dict[str, Any] = {
    "a": 1,
    "b": "x",
    "$os": "iOS",
    "list": [1, "two", None, {"c": [4, 5]}, {"c": [6]}],
    "o": {"c": {"d": 2}, "e.f": 3, "class name": 4},
    "naïve": "ü",
    "flag": True,
}


@given(TREES)
@settings(max_examples=150, deadline=None)
def test_a_printed_tree_is_read_as_the_same_tree(tree: Any) -> None:
    again = parse(printed(tree))
    assert again == tree and repr(again) == repr(tree)


_PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [*SIGNS, *FUNCTIONS, "a", "list", "$os", "${", "'", '"', "\\", "1", "0.5", "null", "x ->"]
        ),
        st.text(string.printable, max_size=3),
        st.text(max_size=2),
    ),
    max_size=14,
).map(" ".join)


@given(st.one_of(_PIECES, TREES.map(printed)))
@settings(max_examples=300, deadline=None)
@example("-" * 4000)
@example("(" * 4000)
@example("a[" * 2000)
@example("1" + "+1" * 2000)
@example("a" + ".a" * 2000)
@example("{" * 2000)
@example("1e99999999999999999999")
@example('"\\ud800"')
@example("x -> x")
@example("[x -> x]")
@example("1e308 * 10 % 3")
@example("9" * 4000 + "*" + "9" * 90)
def test_any_text_gives_a_value_or_an_evaluation_error(text: str) -> None:
    try:
        plain(evaluate(parse_and_check(text, ALL), Scope(ROW, lambda: NOW, ALL)))
    except ExpressionError as error:
        assert error.message


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3 - 4 / 2", 5),
        ("(1 + 2) * 3", 9),
        ("10 - 3 - 2", 5),
        ("2 * 3 == 6 && 1 < 2 || false", True),
        ("not flag or flag and false", False),
        ("1 | 6 & 3 ^ 1", 3),
        ("-a + 1", 0),
        ("--a", 1),
        ("7 mod 4", 3),
        ("-7 % 4", -3),
        ("7 div 2", 3),
        ("-7 / 2", -3),
        ("7 / 2.0", 3.5),
        ("0.1 + 0.2", 0.30000000000000004),
        ("0.1B + 0.2B", 0.3),
        ("12345678901234567890 * 10", 123456789012345678900),
        ("0x1F", 31),
        ("5L + 5H", 10),
        ("'2' * 3", 6),
        ("1 + '2'", "12"),
        ("'a' + null", None),
        ("null !~ 'a'", True),
        ("null + 1", None),
        ("-missing", None),
        ("missing | 1", None),
        ("missing =^ 'a'", False),
        ("'' + 1e-7", "1e-7"),
        ("'' + 5.0", "5.0"),
        ("'' + 1e21", "1e21"),
        ("[1] == [true]", False),
        ("1 eq '1'", True),
        ("1 == 1.0", True),
        ("null == null", True),
        ("null == 0", False),
        ("null < 1", False),
        ("'b' > 'a'", True),
        ("'10' < 9", False),
        ("a =~ [1, 2]", True),
        ("b !~ 'y|z'", True),
        ("$os =^ 'i'", True),
        ("$os =$ 'OS'", True),
        ("!$os =^ 'i'", None),
        ("!$missing", True),
        ("null !$ 'x' && true !^ 'f'", True),
        ("a == 1 ? 'one' : 'other'", "one"),
        ("missing ?: 'd'", "d"),
        ("false ?: 'd'", "d"),
        ("0 ?: 'd'", 0),
        ("empty missing", True),
        ("empty(list)", False),
        ("size list", 5),
        ("size(b)", 1),
        ("list[0]", 1),
        ("list[9]", None),
        ("list[3].c[1]", 5),
        ("list[*].c", [[4, 5], [6]]),
        ("list[*].c[*]", [4, 5, 6]),
        ("o.c.d", 2),
        ("o['c'].d", 2),
        (r"o.e\.f", 3),
        (r"o.e\\.f", 3),
        ("o.${class name}", 4),
        ("o.c.none.at.all", None),
        ("naïve", "ü"),
        ("'it''s' + \"\"", None),
        (r"'it\'s \\ \d \u00fc'", "it's \\ \\d ü"),
        ("[1, [2], {'k': a}]", [1, [2], {"k": 1}]),
        ("{:}", {}),
        ("{'a b': 1}.${a b}", 1),
        ("transformArray([1, 2], x -> transformArray([10], y -> x + y))", [[11], [12]]),
    ],
)
def test_expressions_have_their_values(expression: str, value: Any) -> None:
    if value is None and expression.startswith(("!$os", "'it''")):
        with pytest.raises(ExpressionError):
            value_of(expression, **ROW)
        return
    found = value_of(expression, **ROW)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "Expected a value, found the end"),
        ("1 +", "(at character 4)"),
        ("a b", "'b' after the end of the expression. (at character 3)"),
        ("a = 1", "'==' compares"),
        ("'open", "no closing quote"),
        ("${open", "has no '}'"),
        ("${}", "name is empty"),
        ("new", "written ${new}"),
        ("a.return", "written ${return}"),
        ("_errors", "reserved"),
        ("1 < 2 < 3", "cannot be chained"),
        ("lowr(b)", "the nearest is lower()"),
        ("b.equal('x')", "the nearest is equals()"),
        ("lower()", "lower() takes 1 arguments, not 0"),
        ("instr('a')", "takes 2 to 4 arguments, not 1"),
        ("decode(1)", "takes 2 or more arguments"),
        ("b.equals()", "equals() takes 1 arguments, not 0"),
        ("12a", "cannot be followed by 'a'"),
        ("a @ b", "Unexpected character '@'"),
        ("1.5L", "not an integer"),
        ("x" * 4097, "4096 characters; this one has 4097"),
        ("(" * 50 + "1" + ")" * 50, "more than 40 deep"),
        ("1" + "+1" * 200, "more than 100 deep"),
    ],
)
def test_an_error_has_its_position(expression: str, message: str) -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse_and_check(expression)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 / 0", "Division by zero. (at character 1)"),
        ("1 % 0.0", "Division by zero"),
        ("'x' * 2", "not a number"),
        ("~1.5", "integer"),
        ("lower([1])", "lower(): INPUT: A value of type array is not a string. (at character 7)"),
        ("size(1) && 'maybe'", "boolean"),
        ("get_url_query_str('http://a', 'eat')", "retain, remove or append"),
        ("fpid_to_ecid(b)", "not available in the sandbox"),
    ],
)
def test_an_expression_without_a_value_has_a_reason(expression: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value_of(expression, **ROW)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "expression",
    [
        "matches_regex(text, '(a+)+b')",
        "matches_regex(text, '(a|aa)+$')",
        "explode(text, '(a*)*b')",
        "extract_regex(text, '(.*)(.*)(.*)(.*)(.*)x')",
        "transformArray(many, x -> transformArray(many, y -> transformArray(many, z -> 1)))",
        "lpad('', 99999999999, 'x')",
        "transformArray(many, x -> lpad('', 100000, 'x'))",
        "replacestr(replacestr(text, 'a', text), 'a', text)",
        "9" * 2000 + "*" + "9" * 2000 + "* 9",
        "date(text, '" + "dM" * 45 + "')",
    ],
)
def test_no_expression_takes_long(expression: str) -> None:
    started = time.process_time()
    with suppress(ExpressionError):
        value_of(expression, text="a" * 5000, many=list(range(2000)))
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("transformArray(many, x -> transformArray(many, y -> 1))", "more than 100000 steps"),
        ("transformArray(many, x -> lpad('', 99999, 'x'))", "more than 10000000 characters"),
        ("lpad('', 100001, 'x')", "limit of 100000 characters"),
        ("concat(text, text) + text", "limit of 100000 characters"),
        ("replacestr(text, 'a', text)", "limit of 100000 characters"),
        ("join(text, many)", "limit of 100000 characters"),
        ("big * big", "more than 4000 digits"),
        ("matches_regex(text, '" + "a" * 1001 + "')", "1000 characters"),
    ],
)
def test_the_cost_of_a_value_is_bounded(expression: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        value_of(expression, text="a" * 50_000, many=list(range(500)), big=10**2500)


def test_open_questions_of_adobes_documentation_are_settings() -> None:
    scope = Scope({}, lambda: NOW, Options(whole_division=False))
    assert plain(evaluate(parse_and_check("1 / 2"), scope)) == 0.5
    strict = Options(functions_reserved=True)
    with pytest.raises(SyntaxFault, match="'date' is a function"):
        parse_and_check('date.equals("3/21/24")', strict)
    parse_and_check('${date}.equals("3/21/24")', strict)
    parse_and_check("date(day) == null", strict)
    with pytest.raises(SyntaxFault, match="for destinations only"):
        parse_and_check("filterArray([1], x -> true)")
