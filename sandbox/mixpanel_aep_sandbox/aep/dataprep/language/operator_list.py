"""The operators in the form of the response of ``/languages/el/operators``; method names are JEXL's."""

from __future__ import annotations

from mixpanel_aep_sandbox.core.json_types import JsonObject


def _operator(symbol: str, method: str, operands: int, description: str, example: str) -> JsonObject:
    return {
        "operatorSymbol": symbol,
        "methodName": method,
        "numberOfOperands": operands,
        "description": description,
        "example": example,
    }


OPERATORS = [
    _operator(
        "+", "add", 2, "The sum of two numbers; if one value is a text or a date, the joined texts", "1 + 2"
    ),
    _operator("-", "subtract", 2, "The difference of two numbers", "3 - 2"),
    _operator("*", "multiply", 2, "The product of two numbers", "2 * 3"),
    _operator("/", "divide", 2, "The quotient of two numbers; div is the same", "1 / 2"),
    _operator("%", "mod", 2, "The remainder of a division; mod is the same", "5 % 2"),
    _operator("-", "negate", 1, "The number with the opposite sign", "-12"),
    _operator("~", "complement", 1, "An integer with all bits inverted", "~44"),
    _operator("!", "not", 1, "True for false, false for true; not is the same", "!cond1"),
    _operator("&", "and", 2, "The bits that are set in both integers", "6 & 3"),
    _operator("|", "or", 2, "The bits that are set in at least one of two integers", "6 | 3"),
    _operator("^", "xor", 2, "The bits that are set in exactly one of two integers", "6 ^ 3"),
    _operator("&&", "logicalAnd", 2, "Whether both are true; and is the same", "cond1 && cond2"),
    _operator("||", "logicalOr", 2, "Whether at least one is true; or is the same", "cond1 || cond2"),
    _operator("==", "equals", 2, "Whether two values are equal; eq is the same", "a == 1"),
    _operator("!=", "notEquals", 2, "Whether two values are not equal; ne is the same", "a != 1"),
    _operator("<", "lessThan", 2, "Whether the first value is less than the second; lt is the same", "a < 1"),
    _operator(
        "<=", "lessThanOrEqual", 2, "Whether the first value is less or equal; le is the same", "a <= 1"
    ),
    _operator(
        ">", "greaterThan", 2, "Whether the first value is greater than the second; gt is the same", "a > 1"
    ),
    _operator(
        ">=", "greaterThanOrEqual", 2, "Whether the first value is greater or equal; ge is the same", "a >= 1"
    ),
    _operator(
        "=~", "contains", 2, "Whether a value is in an array, is a key, or matches a pattern", 'a =~ "x.*"'
    ),
    _operator("!~", "notContains", 2, "The opposite of =~", 'a !~ "x.*"'),
    _operator("=^", "startsWith", 2, "Whether a text begins with another one", 'a =^ "x"'),
    _operator("!^", "notStartsWith", 2, "The opposite of =^", 'a !^ "x"'),
    _operator("=$", "endsWith", 2, "Whether a text ends with another one", 'a =$ "x"'),
    _operator("!$", "notEndsWith", 2, "The opposite of =$", 'a !$ "x"'),
    _operator(
        "?:", "ternary", 3, "The second value if the condition is true, otherwise the third", "cond1 ? 1 : 2"
    ),
    _operator("?:", "elvis", 2, "The first value, or the second when it is null or false", "a ?: 1"),
    _operator("empty", "empty", 1, "Whether a value is null, empty or 0", "empty a"),
    _operator("size", "size", 1, "The number of characters, items or properties", "size a"),
]
