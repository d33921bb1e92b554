"""What an entry of the function table is: name, parameters, types, examples, and how it becomes SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from include.xdm.dataprep.language.tree import LanguageError
from include.xdm.dataprep.language.types import Type, require

if TYPE_CHECKING:
    from include.xdm.dataprep.sql_values import EvaluationContext, SqlValue

    Special = Callable[[EvaluationContext, Sequence[SqlValue]], tuple[str, str | None] | None]


@dataclass(frozen=True)
class Parameter:
    """``default``: what it is when it is not given, as text or JSON; a null that is given stays null, and makes the
    result null unless the parameter is ``nullable``.
    ``names``: "only": the argument is a path, bare or in quotes, and no value of the row; "also": a bare
    word that is no source stands for itself.
    ``check``: refuses constants that no row can make right; it raises ValueError with half a sentence."""

    name: str
    type: Type
    default: str | None = None
    nullable: bool = False
    names: Literal["", "only", "also"] = ""
    check: Callable[[str], object] | None = None

    @property
    def optional(self) -> bool:
        return self.default is not None


@dataclass(frozen=True, eq=False)
class Function:
    """One function or operator.

    It compiles in one of three ways. ``sql``: a template over its arguments, where DuckDB's semantics are the
    documented ones. ``python``: a function of one row's values, called on Arrow batches, where they are not;
    ``because`` says why. ``special``: SQL made of the arguments as they are, whatever their types; where it has none
    (None), ``python`` is called.
    ``many`` repeats the last ``many`` parameters without end; ``may_be_empty``: they need not be there at all.
    """

    name: str
    category: str
    parameters: tuple[Parameter, ...]
    returns: Type | Callable[[Sequence[Type]], Type]
    sql: Callable[..., str] | None = None
    python: Callable[..., Any] | None = None
    special: Special | None = None
    gives: Type | None = None
    many: int = 0
    may_be_empty: bool = False
    method: bool = False
    other_names: tuple[str, ...] = ()
    because: str = ""
    note: str = ""
    pairs: Callable[[int], str | None] | None = None
    examples: tuple[tuple[str, Any], ...] = field(default=(), repr=False)

    @property
    def sql_name(self) -> str:
        """The name under which ``python`` is registered."""
        return f"el_{self.python.__name__}" if self.python else ""

    @property
    def result(self) -> Type:
        """The type in which ``python`` answers."""
        if self.gives is not None:
            return self.gives
        return self.returns if isinstance(self.returns, Type) else Type.ANY

    @property
    def syntax(self) -> str:
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
        """The parameter that argument ``number`` (from 0) is for."""
        if number < len(self.parameters):
            return self.parameters[number]
        fixed = len(self.parameters) - self.many
        return self.parameters[fixed + (number - fixed) % self.many]

    def check_count(self, number: int) -> None:
        """
        Raises:
            LanguageError: it does not take ``number`` arguments.
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
        """
        Raises:
            LanguageError: an argument is of a type that its parameter can never take.
        """
        for number, kind in enumerate(given):
            name = self.parameter(number).name
            require(self.parameter(number).type, kind, f"argument {number + 1} of {self.name}, {name},")
        return self.returns if isinstance(self.returns, Type) else self.returns(given)


class Failure(ValueError):
    """A transform that failed for a row: its column is null, and that is counted."""


def required(name: str, kind: Type, **options: Any) -> Parameter:
    return Parameter(name, kind, **options)


def optional(name: str, kind: Type, default: str, **options: Any) -> Parameter:
    return Parameter(name, kind, default, **options)


def in_pairs(number: int) -> str | None:
    return "takes keys and values in pairs" if number % 2 else None
