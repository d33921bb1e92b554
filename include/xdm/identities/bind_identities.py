"""Parse and check the expressions in the section ``identities:`` of a pipeline file, before any row is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.config.identities import IdentityPlaceholders, IdentitySource
from include.errors import ConfigError
from include.xdm.dataprep.language.check import Typed, check
from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.parser import parse
from include.xdm.dataprep.language.types import Type
from include.xdm.identities.identity_rules import STATES, IdentityRules, identity_rules

_NO_IDENTITY = (Type.ARRAY, Type.OBJECT, Type.BOOLEAN, Type.NULL)


@dataclass(frozen=True)
class BoundIdentity:
    """An identity of the pipeline file whose expressions are parsed and checked.

    Attributes:
        name: the key in the pipeline file: a Mixpanel property, or any name if ``value`` is set.
        rules: the rules of the identity namespace.
        value: the expression that computes the identity; None if the property ``name`` contains it.
        state: the authentication state of every event, one of ``STATES``, or an expression that computes it.
    """

    name: str
    rules: IdentityRules
    value: Typed | None = None
    state: str | Typed = STATES[0]

    @property
    def namespace(self) -> str:
        """The code of the identity namespace, such as ``Email``."""
        return self.rules.namespace


def bind_identities(
    sources: Mapping[str, IdentitySource], placeholders: IdentityPlaceholders | None = None
) -> tuple[BoundIdentity, ...]:
    """Parse and check the identities of a pipeline file; return them in the order of the file.

    Raises:
        ConfigError: some expressions are invalid; the text names each of them.
    """
    faults: list[str] = []
    bound = []
    for name, source in sources.items():
        rules = identity_rules(source.namespace, placeholders or IdentityPlaceholders())
        try:
            bound.append(BoundIdentity(name, rules, _value(source), _state(source)))
        except LanguageError as fault:
            faults.append(f"identities.{name}: {fault}")
    if faults:
        raise ConfigError(
            f"Identities cannot be computed: {'; '.join(faults)}.",
            "Correct identities in the pipeline file; docs/mapping.md describes expressions.",
        )
    return tuple(bound)


def _value(source: IdentitySource) -> Typed | None:
    if source.value is None:
        return None
    typed = check(parse(source.value))
    if typed.type in _NO_IDENTITY:
        raise LanguageError(f"value is of type {typed.type.value}, which is not an identity")
    return typed


def _state(source: IdentitySource) -> str | Typed:
    if source.authenticated_state in STATES:
        return source.authenticated_state
    try:
        typed = check(parse(source.authenticated_state))
    except LanguageError as fault:
        raise LanguageError(
            f"authenticated_state is not one of {', '.join(STATES)}, and not a valid expression: {fault}"
        ) from None
    if typed.type not in (Type.STRING, Type.ANY):
        raise LanguageError(
            f"authenticated_state is of type {typed.type.value}; write one of {', '.join(STATES)}, or an expression that gives one"
        )
    return typed
