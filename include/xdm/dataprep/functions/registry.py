"""The description of a Data Prep function or operator: name, parameters, types, examples, and implementation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.types import Type, require

if TYPE_CHECKING:
    from include.xdm.dataprep.sql_values import EvaluationContext, SqlValue

    Special = Callable[[EvaluationContext, Sequence[SqlValue]], tuple[str, str | None] | None]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a Data Prep function.

    Attributes:
        name: the name in the documentation.
        type: the type to which arguments are converted.
        default: the value if the argument is missing, as text or JSON; None if the argument is required.
        nullable: whether the function is called with a null argument; otherwise its result is null.
        names: "only": the argument is a path, bare or in quotes, not a value of the row; "also": a bare word that is
            not a source is a constant text.
        check: checks a constant argument before any row is read; it raises ValueError with half a sentence.
    """

    name: str
    type: Type
    default: str | None = None
    nullable: bool = False
    names: Literal["", "only", "also"] = ""
    check: Callable[[str], object] | None = None

    @property
    def optional(self) -> bool:
        """Whether the argument may be left out."""
        return self.default is not None


@dataclass(frozen=True, eq=False)
class Function:
    """A function or operator of Data Prep, with one of three implementations: ``sql``, ``python`` or ``special``.

    Attributes:
        returns: the type of the result, or a function that returns it for the types of the arguments.
        sql: returns SQL for the SQL of the arguments; for functions that DuckDB computes as documented.
        python: computes the result of one row; for functions that DuckDB computes differently (``because``).
        special: returns SQL for arguments of any type, or None if ``python`` has to be called.
        python_type: the type of the result of ``python``, if it differs from ``returns``.
        many: the number of parameters, the last ones, that may be repeated without limit.
        may_be_empty: whether these parameters may also be missing.
        method: whether it may be called as ``value.name(…)``.
        pairs: returns the fault of a number of arguments, half a sentence, or None.
        because, note, examples: columns of the table in ``docs/mapping.md``.
    """

    name: str
    category: str
    parameters: tuple[Parameter, ...]
    returns: Type | Callable[[Sequence[Type]], Type]
    sql: Callable[..., str] | None = None
    python: Callable[..., object] | None = None
    special: Special | None = None
    python_type: Type | None = None
    many: int = 0
    may_be_empty: bool = False
    method: bool = False
    other_names: tuple[str, ...] = ()
    because: str = ""
    note: str = ""
    pairs: Callable[[int], str | None] | None = None
    examples: tuple[tuple[str, object], ...] = field(default=(), repr=False)

    @property
    def sql_name(self) -> str:
        """The name under which ``python`` is registered in DuckDB; empty for functions without ``python``."""
        return f"el_{self.python.__name__}" if self.python else ""

    @property
    def result(self) -> Type:
        """The type of the result of ``python``; ANY if the type depends on the arguments."""
        if self.python_type is not None:
            return self.python_type
        return self.returns if isinstance(self.returns, Type) else Type.ANY

    @property
    def syntax(self) -> str:
        """The call with its parameters, for documentation and errors, such as ``left(INPUT, COUNT)``."""
        parts = [f"[{p.name}]" if p.optional else p.name for p in self.parameters]
        if not self.name.isidentifier():
            symbol = self.name.removeprefix("unary ")
            return (
                {1: f"{symbol}{parts[0]}", 2: f" {symbol} ".join(parts)}[len(parts)]
                if symbol[0] not in "[{"
                else symbol
            )
        return f"{self.name}({', '.join([*parts, '…'] if self.many else parts)})"

    def parameter(self, number: int) -> Parameter:
        """Return the parameter for an argument, whose ``number`` counts from 0; the last ones may be repeated."""
        if number < len(self.parameters):
            return self.parameters[number]
        fixed = len(self.parameters) - self.many
        return self.parameters[fixed + (number - fixed) % self.many]

    def check_argument_count(self, number: int) -> None:
        """Check the number of arguments.

        Raises:
            LanguageError: the function does not accept ``number`` arguments.
        """
        least = sum(not p.optional for p in self.parameters)
        if self.may_be_empty:
            least -= self.many
        most = len(self.parameters)
        if number < least or (number > most and not self.many):
            wanted = f"{least}" if least == most and not self.many else f"{least} or more"
            if most > least and not self.many:
                wanted = f"{least} to {most}"
            raise LanguageError(f"{self.name} takes {wanted} arguments, not {number}: {self.syntax}")
        if self.pairs and (fault := self.pairs(number)):
            raise LanguageError(f"{self.name} {fault}: {self.syntax}")

    def result_type(self, given: Sequence[Type]) -> Type:
        """Check the types of the arguments; return the type of the result.

        Raises:
            LanguageError: an argument has a type that its parameter never accepts.
        """
        for number, kind in enumerate(given):
            name = self.parameter(number).name
            require(self.parameter(number).type, kind, f"argument {number + 1} of {self.name}, {name},")
        return self.returns if isinstance(self.returns, Type) else self.returns(given)


class ParameterOptions(TypedDict, total=False):
    """The optional attributes of ``Parameter``, for ``required`` and ``optional``."""

    nullable: bool
    names: Literal["", "only", "also"]
    check: Callable[[str], object] | None


def required(name: str, kind: Type, **options: Unpack[ParameterOptions]) -> Parameter:
    """Create a parameter without a default, whose argument is required."""
    return Parameter(name, kind, **options)


def optional(name: str, kind: Type, default: str, **options: Unpack[ParameterOptions]) -> Parameter:
    """Create a parameter with a default, whose argument may be left out."""
    return Parameter(name, kind, default, **options)


def in_pairs(number: int) -> str | None:
    """Return the fault, half a sentence, if the arguments cannot be pairs of keys and values; otherwise None."""
    return "takes keys and values in pairs" if number % 2 else None
