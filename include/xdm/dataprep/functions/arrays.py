"""Array functions (EP:data-prep/functions.md#arrays) and the aggregations min and max."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from include.xdm.dataprep.functions.comparisons import compare
from include.xdm.dataprep.functions.registry import Function, optional, required
from include.xdm.dataprep.functions.values import Json, array, is_number, is_string, members, number, text_of
from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.types import Type, common
from include.xdm.dataprep.sql_values import EvaluationContext, SqlValue, any_of, convert_cell

CATEGORY = "Hierarchies - Arrays"
_JSON = "arrays are JSON with items of any type"


def items_of(items: list[Json]) -> list[Json]:
    """Return the arguments ``items`` of a function; if the only argument is an array, return its items."""
    return array(items[0]) if len(items) == 1 and items[0].startswith("[") else items


def first(items: list[Json]) -> Json | None:
    """Return the first argument, or the first item of a single array; None if the array is empty."""
    return next(iter(items_of(items)), None)


def last(items: list[Json]) -> Json | None:
    """Return the last argument, or the last item of a single array; None if the array is empty."""
    return next(iter(items_of(items)[-1:]), None)


def add_to_array(old: list[Json], items: list[Json]) -> list[Json]:
    """Return the array ``old`` with ``items`` appended."""
    return [*old, *items]


def join_arrays(old: list[Json], arrays: list[list[Json] | None]) -> list[Json]:
    """Return one array with the items of ``old`` and of all ``arrays``; a null in place of an array is skipped."""
    return [*old, *(item for more in arrays if more for item in more)]


def to_array(include_nulls: bool, items: list[Json]) -> list[Json]:
    """Return an array of the arguments ``items``, with or without nulls."""
    return [item for item in items if include_nulls or item != "null"]


def size_of(value: Json | None) -> int:
    """Return the number of items, members or characters of a value; 0 for null, 1 for a number or a boolean."""
    if value is None:
        return 0
    if value.startswith("["):
        return len(array(value))
    if value.startswith("{"):
        return len(members(value))
    return len(text_of(value)) if is_string(value) else 1


def empty(value: Json | None) -> bool:
    """Return whether a value is empty as in JEXL: null, 0, or an empty array, object or string."""
    return size_of(value) == 0 or (is_number(value or "") and number(value or "") == 0)


def minimum(items: list[Json]) -> Json | None:
    """Return the least of the arguments, or of the items of one array; nulls are skipped. None without values."""
    return _find_extreme(items, -1)


def maximum(items: list[Json]) -> Json | None:
    """Return the greatest of the arguments, or of the items of one array; nulls are skipped. None without values."""
    return _find_extreme(items, 1)


def _find_extreme(items: list[Json], sign: int) -> Json | None:
    """Return the least (``sign`` -1) or greatest (``sign`` 1) item, the first of equal ones; nulls are skipped."""
    best: Json | None = None
    for item in items_of(items):
        if item != "null" and (best is None or compare(item, best) * sign > 0):
            best = item
    return best


def upsert_array_append(items: list[Json]) -> list[Json]:
    """Return the array unchanged, as Adobe's function does unless a profile is updated."""
    return items


def upsert_array_replace(items: list[Json], _: int) -> list[Json]:
    """Return the array unchanged, as Adobe's function does unless a profile is updated."""
    return items


def _extreme_date(
    which: str,
) -> Callable[[EvaluationContext, Sequence[SqlValue]], tuple[str, str | None] | None]:
    def compile_to(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None] | None:
        if all(cell.type is not Type.DATE for cell in cells):
            return None
        moments = [
            f"{{'at': {convert_cell(cell, Type.STRING).sql}::TIMESTAMPTZ, 'text': {cell.sql}}}"
            for cell in cells
            if cell.type is Type.DATE
        ]
        fails = any_of(*(cell.fails for cell in cells))
        there = f"list_filter([{', '.join(moments)}], lambda m: m.at IS NOT NULL)"
        return f"list_{which}({there}).text", fails

    return compile_to


def _require_common_order(given: Sequence[Type]) -> Type:
    """Check that values of the given types can be compared with each other; return their common type.

    Raises:
        LanguageError: a date would be compared with a value that is not a date.
    """
    kind = common(list(given)) if len(given) > 1 else Type.ANY
    if Type.DATE in given and kind is not Type.DATE:
        raise LanguageError("a date can only be compared with a date; write date(value, format)")
    return Type.ANY if kind is Type.NULL else kind


def _same(given: Sequence[Type]) -> Type:
    kind = common(list(given)) if len(given) > 1 else Type.ANY
    return Type.ANY if kind is Type.NULL else kind


def _aggregate(name: str, python: Callable[..., object], result: int) -> Function:
    return Function(
        name, "Aggregation", (required("OPTIONS", Type.ANY),), _require_common_order, special=_extreme_date(name), python=python,
        python_type=Type.ANY, many=1, because="natural order of values of any type",
        note="Applies to the arguments, or to the items of one array; nulls are skipped.",
        examples=((f"{name}(3, 1, 4)", result),),
    )  # fmt: skip


_ARRAY = required("ARRAY", Type.ARRAY)
_VALUES = required("VALUES", Type.ANY)
_NULLABLE = required("INPUT", Type.ANY, nullable=True)

FUNCTIONS = [
    Function(
        "first", CATEGORY, (required("INPUT", Type.ANY),), _same, python=first, python_type=Type.ANY, many=1,
        because=_JSON, note="Applies to the arguments, or to the items of one array.",
        examples=(('first("1", "2", "3")', "1"),),
    ),
    Function(
        "last", CATEGORY, (required("INPUT", Type.ANY),), _same, python=last, python_type=Type.ANY, many=1,
        because=_JSON, note="Applies to the arguments, or to the items of one array.",
        examples=(('last("1", "2", "3")', "3"),),
    ),
    Function(
        "add_to_array", CATEGORY, (_ARRAY, _VALUES), Type.ARRAY, python=add_to_array, many=1, may_be_empty=True, because=_JSON,
        examples=(("add_to_array(['a', 'b'], 'c', 'd')", ["a", "b", "c", "d"]),),
    ),
    Function(
        "join_arrays", CATEGORY, (_ARRAY, required("VALUES", Type.ARRAY)), Type.ARRAY, python=join_arrays, many=1, may_be_empty=True,
        because=_JSON, examples=(("join_arrays(['a', 'b'], ['c'], ['d', 'e'])", ["a", "b", "c", "d", "e"]),),
    ),
    Function(
        "to_array", CATEGORY, (required("INCLUDE_NULLS", Type.BOOLEAN), _VALUES), Type.ARRAY, python=to_array, many=1, may_be_empty=True,
        because=_JSON, examples=(("to_array(false, 1, null, 2, 3)", [1, 2, 3]),),
    ),
    Function(
        "size_of", CATEGORY, (_NULLABLE,), Type.INTEGER, python=size_of, because=_JSON,
        other_names=("size",), note="Null gives 0; a text or a date its number of characters; a number or boolean 1.", examples=(("size_of([1, 2, 3, 4])", 4),),
    ),
    Function(
        "upsert_array_append", CATEGORY, (_ARRAY,), Type.ARRAY, python=upsert_array_append, because=_JSON,
        note="Returns its input, as Adobe's function does unless a profile is updated.",
        examples=(("upsert_array_append([123, 456])", [123, 456]),),
    ),
    Function(
        "upsert_array_replace", CATEGORY, (_ARRAY, optional("INDEX", Type.INTEGER, "0")), Type.ARRAY, python=upsert_array_replace, because=_JSON,
        note="Returns its input, as Adobe's function does unless a profile is updated.",
        examples=(("upsert_array_replace([123, 456], 1)", [123, 456]),),
    ),
    Function("empty", "Operators", (_NULLABLE,), Type.BOOLEAN, python=empty, because=_JSON, note="As in JEXL: 0 is empty, too."),
    _aggregate("min", minimum, 1),
    _aggregate("max", maximum, 4),
]  # fmt: skip
