"""An entry of the function table: name, parameters, types, examples, and its compilation to SQL."""

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
    """One parameter of a function.

    ``default``: the value if the argument is absent, as text or JSON. A null argument stays null, and makes the result
    null unless the parameter is ``nullable``. ``names``: "only": the argument is a path, bare or in quotes, not a value
    of the row; "also": a bare word that is not a source stands for itself. ``check``: refuses constants that are
    invalid for every row; it raises ValueError with half a sentence.
    """

    name: str
    type: Type
    default: str | None = None
    nullable: bool = False
    names: Literal["", "only", "also"] = ""
    check: Callable[[str], object] | None = None

    @property
    def optional(self) -> bool:
        """Whether the argument may be absent."""
        return self.default is not None


@dataclass(frozen=True, eq=False)
class Function:
    """One function or operator.

    It compiles in one of three ways. ``sql``: a template over its arguments, if DuckDB has the documented semantics.
    ``python``: a function of one row's values, called on Arrow batches, if DuckDB differs; ``because`` gives the
    reason. ``special``: SQL from the arguments of any types; if it returns None, ``python`` is called.
    ``many`` repeats the last ``many`` parameters without limit; ``may_be_empty``: these may also be absent.
    """

    name: str
    category: str
    parameters: tuple[Parameter, ...]
    returns: Type | Callable[[Sequence[Type]], Type]
    sql: Callable[..., str] | None = None
    python: Callable[..., object] | None = None
    special: Special | None = None
    gives: Type | None = None
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
        """The name under which ``python`` is registered."""
        return f"el_{self.python.__name__}" if self.python else ""

    @property
    def result(self) -> Type:
        """The type of the result of ``python``; ANY if the type depends on the arguments."""
        if self.gives is not None:
            return self.gives
        return self.returns if isinstance(self.returns, Type) else Type.ANY

    @property
    def syntax(self) -> str:
        """The call with its parameters, as documentation writes it."""
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
        """Return the parameter for argument ``number`` (from 0)."""
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
        """Return the type of the result for arguments of these types.

        Raises:
            LanguageError: an argument has a type that its parameter never accepts.
        """
        for number, kind in enumerate(given):
            name = self.parameter(number).name
            require(self.parameter(number).type, kind, f"argument {number + 1} of {self.name}, {name},")
        return self.returns if isinstance(self.returns, Type) else self.returns(given)


class ParameterOptions(TypedDict, total=False):
    """The optional fields of a parameter."""

    nullable: bool
    names: Literal["", "only", "also"]
    check: Callable[[str], object] | None


def required(name: str, kind: Type, **options: Unpack[ParameterOptions]) -> Parameter:
    """Return a parameter that must be given."""
    return Parameter(name, kind, **options)


def optional(name: str, kind: Type, default: str, **options: Unpack[ParameterOptions]) -> Parameter:
    """Return a parameter with a default."""
    return Parameter(name, kind, default, **options)


def in_pairs(number: int) -> str | None:
    """Return half a sentence if the number of arguments is odd, otherwise None."""
    return "takes keys and values in pairs" if number % 2 else None
