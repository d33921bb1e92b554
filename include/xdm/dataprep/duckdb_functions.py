"""Register Data Prep functions that are written in Python in DuckDB, which calls them with Arrow batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from inspect import Parameter, Signature
from typing import TYPE_CHECKING

from include.xdm.dataprep.functions.arguments import decode, encode
from include.xdm.dataprep.functions.registry import Function
from include.xdm.dataprep.functions.values import Json, array
from include.xdm.dataprep.language.types import Storage, Type

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

log = logging.getLogger(__name__)


def register(db: duckdb.DuckDBPyConnection, functions: Iterable[Function]) -> None:
    """Register the functions written in Python on a DuckDB connection, for it and its cursors.

    In SQL, each function returns STRUCT(v, x): the value, and whether the function failed.
    """
    import duckdb

    text = duckdb.sqltype("VARCHAR")
    for function in functions:
        storage = function.result.storage
        value = "VARCHAR" if storage is Storage.JSON else storage.value
        db.create_function(
            function.sql_name,
            _on_batches(function),
            [text] * argument_count(function),
            duckdb.sqltype(f"STRUCT(v {value}, x BOOLEAN)"),
            type="arrow",
            null_handling="special",
        )


def argument_count(function: Function) -> int:
    """Return the number of arguments of the function in SQL: repeated parameters are one argument, a JSON array."""
    return len(function.parameters) - function.many + bool(function.many)


def _on_batches(function: Function) -> Callable[..., pa.StructArray]:
    import pyarrow as pa

    row = on_row(function)
    storage = function.result.storage
    value = {Storage.BOOLEAN: pa.bool_(), Storage.INTEGER: pa.int64()}.get(storage, pa.string())

    def batch(*columns: pa.Array) -> pa.StructArray:
        lists = [column.to_pylist() for column in columns]
        # Equal arguments have equal results, and most properties have few values.
        known: dict[tuple[str | None, ...], tuple[object, bool]] = {}
        results = []
        for arguments in zip(*lists, strict=True):
            result_of_call = known.get(arguments)
            if result_of_call is None:
                result_of_call = known[arguments] = row(*arguments)
            results.append(result_of_call)
        values, failed = zip(*results, strict=True) if results else ((), ())
        return pa.StructArray.from_arrays([pa.array(values, value), pa.array(failed, pa.bool_())], ["v", "x"])

    # DuckDB counts the parameters of the signature and does not accept *columns.
    names = [f"c{number}" for number in range(argument_count(function))]
    parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    batch.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return batch


def on_row(function: Function) -> Callable[..., tuple[object, bool]]:
    """Wrap ``function.python`` so that it takes its arguments as texts of the query, and reports failures.

    The result returns the encoded value, or None, and whether the call failed.
    """
    call, result = function.python, function.result
    assert call is not None
    fixed = len(function.parameters) - function.many
    parameters = function.parameters[:fixed]
    decoders: list[Callable[[str], object]] = [partial(decode, p.type) for p in parameters]
    if function.many:
        repeated = function.parameters[-1].type if function.many == 1 else Type.ANY
        decoders.append(partial(_decode_repeated, repeated))
    needed = [place for place, p in enumerate(parameters) if not p.nullable]
    reported: set[str] = set()

    def row(*arguments: str | None) -> tuple[object, bool]:
        try:
            values = [
                None if text is None else decode_text(text)
                for text, decode_text in zip(arguments, decoders, strict=True)
            ]
            for place in needed:
                if arguments[place] is None:
                    return None, False
            returned = call(*values)
            return (None if returned is None else encode(result, returned)), False
        except (ValueError, OverflowError, ZeroDivisionError):
            return None, True
        except Exception as error:  # noqa: BLE001 - DuckDB would fail the whole day and show the row's value
            if (name := type(error).__name__) not in reported:
                reported.add(name)
                log.warning(
                    "Function %s has a defect and raised %s. The fields that it fills stay null in such rows "
                    "and are counted in not_converted.",
                    function.name,
                    name,
                )
            return None, True

    return row


def _decode_repeated(kind: Type, text: str) -> list[Json] | list[object]:
    """Decode the arguments of a repeated parameter, which are passed as one JSON array."""
    items = array(text)
    return [decode(kind, item) for item in items] if kind in (Type.ARRAY, Type.OBJECT) else items
