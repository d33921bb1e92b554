"""The types of expressions, and the conversions between types that Data Prep allows."""

from __future__ import annotations

from enum import Enum

from include.xdm.dataprep.language.errors import LanguageError


class Type(Enum):
    """The static type of an expression, determined before any row is read."""

    NULL = "null"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    STRING = "string"
    DATE = "date"
    ARRAY = "array"
    OBJECT = "object"
    ANY = "any"

    @property
    def is_numeric(self) -> bool:
        """Whether the values of this type are numbers."""
        return self in (Type.INTEGER, Type.NUMBER)

    @property
    def storage(self) -> Storage:
        """The SQL type of values of this type in the DuckDB query."""
        return _STORAGE.get(self, Storage.JSON)


class Storage(Enum):
    """The SQL type of a value in the DuckDB query.

    ``JSON`` is a VARCHAR with JSON text, for numbers, arrays, objects and values of unknown type.
    """

    TEXT = "VARCHAR"
    BOOLEAN = "BOOLEAN"
    INTEGER = "BIGINT"
    JSON = "JSON"


_STORAGE = {
    Type.STRING: Storage.TEXT,
    Type.DATE: Storage.TEXT,
    Type.BOOLEAN: Storage.BOOLEAN,
    Type.INTEGER: Storage.INTEGER,
}

_SCALARS = {Type.BOOLEAN, Type.INTEGER, Type.NUMBER, Type.STRING, Type.DATE}
_ACCEPTED: dict[Type, set[Type]] = {
    Type.STRING: _SCALARS,
    Type.BOOLEAN: {Type.BOOLEAN, Type.STRING, Type.INTEGER, Type.NUMBER},
    Type.INTEGER: {Type.INTEGER, Type.NUMBER, Type.STRING},
    Type.NUMBER: {Type.INTEGER, Type.NUMBER, Type.STRING},
    Type.DATE: {Type.DATE, Type.STRING},
    Type.ARRAY: {Type.ARRAY},
    Type.OBJECT: {Type.OBJECT},
}


def accepts(expected: Type, given: Type) -> bool:
    """Return whether values of type ``given`` are of type ``expected``, or may be converted to it."""
    return Type.ANY in (expected, given) or given is Type.NULL or given in _ACCEPTED[expected]


def common(types: list[Type]) -> Type:
    """Return the most specific type that includes all types in a list; NULL in the list has no effect."""
    known = {kind for kind in types if kind is not Type.NULL}
    if len(known) == 1:
        return known.pop()
    if not known:
        return Type.NULL
    return Type.NUMBER if all(kind.is_numeric for kind in known) else Type.ANY


def require(expected: Type, given: Type, what: str) -> None:
    """Check that values of type ``given`` can be converted to type ``expected``; ``what``: the value, for the error.

    Raises:
        LanguageError: they can never be converted.
    """
    if not accepts(expected, given):
        article = "an" if expected.value[0] in "aeio" else "a"
        raise LanguageError(f"{what} has to be {article} {expected.value}, not of type {given.value}")
