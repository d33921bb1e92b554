"""Rules that drop identity values: those that AEP's Identity Service rejects, and placeholders for a missing identity.

``RULES`` describes the rules for docs/mapping.md. ``IdentityRules.judge`` applies them to one value, and the module
``identity_values`` to a column.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from include.xdm.identities.placeholders import PLACEHOLDERS, ZERO_CHARACTERS

if TYPE_CHECKING:  # other processes of a step start faster without these imports
    from include.config.identities import IdentityPlaceholders
    from include.xdm.convert.values import Value

STATES = ("ambiguous", "authenticated", "loggedOut")
"""Values of ``authenticatedState`` (adobe/xdm identityitem)."""

LONGEST = 1024
"""The maximum number of characters of an identity."""
BLOCKED = frozenset({"null", "anonymous", "invalid"})
PREFIX = "$device:"
"""Simplified ID merge writes an anonymous distinct_id as ``$device:<id>``; the prefix is not part of the id."""

BLANKS = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000" + "\0\xad\u180e\u200b\u200c\u200d\u2060\ufeff"
)
"""Unicode's white space and characters without a width, which are removed at both ends of an identity."""
_GUARDRAILS = "EP:identity-service/guardrails.md"
_NAMESPACES = "EP:identity-service/features/namespaces.md"
_IMPORT = "MD:reference/import-events.mdx"


@dataclass(frozen=True)
class Rule:
    """The description of one rule in the table of docs/mapping.md.

    Attributes:
        reason: the name of the drop reason in counts.
        namespaces: the identity namespaces to which the rule applies.
        dropped: the values that the rule drops.
        source: the document that the rule follows.
    """

    reason: str
    namespaces: str
    dropped: str
    source: str


RULES = (
    Rule("wrong_type", "all", "a list, an object or a boolean", "adobe/xdm identityitem: `id` is a string"),
    Rule(
        "invalid_number",
        "all",
        "a JSON number that is 0, -1 or not written as a whole number; other whole numbers become their digits",
        f"{_IMPORT}; `distinct_id` may be a number in old rows",
    ),
    Rule(
        "blank", "all", "only white space or characters without a width; also after `$device:`", _GUARDRAILS
    ),
    Rule(
        "blocked", "all", "`null`, `anonymous`, `invalid`, in any case, white space around them", _GUARDRAILS
    ),
    Rule("too_long", "all", f"more than {LONGEST} characters", _GUARDRAILS),
    Rule(
        "wrong_format",
        "`ECID`",
        "not 38 digits, or one half of them is above 9223372036854775807",
        f"{_GUARDRAILS}; Adobe knowledge base ka-32618",
    ),
    Rule(
        "wrong_format",
        "`Email_LC_SHA256`, `Phone_SHA256`, `Phone_SHA256_E.164`",
        "not 64 hexadecimal digits",
        _NAMESPACES,
    ),
    Rule("wrong_format", "`Phone_E.164`", "not `+` and 2 to 15 digits, the first not 0", _NAMESPACES),
    Rule("placeholder", "all", "a placeholder, or its SHA-256; see the list below", _IMPORT),
    Rule("expression_failed", "computed", "the expression of the identity failed", "docs: Expressions"),
)
REASONS = tuple(dict.fromkeys(rule.reason for rule in RULES))


def _at_most(number: str) -> str:
    """Return a regular expression for the numbers up to ``number`` that have the same number of digits."""
    ways = [
        f"{number[:n]}[0-{int(digit) - 1}][0-9]{{{len(number) - n - 1}}}"
        for n, digit in enumerate(number)
        if digit != "0"
    ]
    return f"(?:{'|'.join([*ways, number])})"


_HASH = "[0-9a-fA-F]{64}"
FORMATS = {
    "ECID": _at_most(str(2**63 - 1)) * 2,
    "Email_LC_SHA256": _HASH,
    "Phone_SHA256": _HASH,
    "Phone_SHA256_E.164": _HASH,
    "Phone_E.164": r"\+[1-9][0-9]{1,14}",
}
"""The regular expression for a valid value, by namespace, in syntax that both Python and RE2 support."""


@dataclass(frozen=True)
class IdentityRules:
    """The rules for the values of one identity namespace.

    Attributes:
        namespace: the code of the namespace.
        placeholders: dropped values in lower case, and their SHA-256 hashes.
        zeros: whether values that consist only of ``ZERO_CHARACTERS`` are dropped.
        allowed: values in lower case that are kept although they are zeros.
    """

    namespace: str
    placeholders: frozenset[str]
    zeros: bool
    allowed: frozenset[str]

    @cached_property
    def format(self) -> str | None:
        """The regular expression that a whole value must match; None if the namespace has no format."""
        return FORMATS.get(self.namespace)

    def judge(self, text: str) -> tuple[str | None, str | None]:
        """Return an identity without blanks and ``PREFIX``, and None; or None, and the reason to drop the identity."""
        clean = text.strip(BLANKS)
        if clean.startswith(PREFIX):
            clean = clean[len(PREFIX) :].strip(BLANKS)
        reason = self._reason(clean)
        return (None, reason) if reason else (clean, None)

    def _reason(self, clean: str) -> str | None:
        if not clean:
            return "blank"
        lower = clean.lower()
        if lower in BLOCKED:
            return "blocked"
        if len(clean) > LONGEST:
            return "too_long"
        if self.format and not re.fullmatch(self.format, clean):
            return "wrong_format"
        is_zero = self.zeros and not clean.strip(ZERO_CHARACTERS) and lower not in self.allowed
        return "placeholder" if is_zero or lower in self.placeholders else None


def identity_rules(namespace: str, placeholders: IdentityPlaceholders) -> IdentityRules:
    """Build the rules of a namespace from the default placeholders and the settings of a pipeline file."""
    allowed = frozenset(map(_folded, placeholders.allow))
    listed = [word for words in PLACEHOLDERS.values() for word in words] if placeholders.defaults else []
    words = {*listed, *map(_folded, placeholders.values)} - allowed - {""}
    nothing = {"", *BLOCKED, "0"} if placeholders.defaults else set()
    # Hashed by an SDK, or by an expression of the pipeline file.
    hashes = {hashlib.sha256(word.encode()).hexdigest() for word in words | nothing}
    return IdentityRules(namespace, frozenset(words | hashes), placeholders.defaults, allowed)


def _folded(word: str) -> str:
    return word.strip(BLANKS).lower()


def text_of_identity(value: Value) -> tuple[str | None, str | None]:
    """Return a JSON value as the text of an identity, and None; or None, and the reason to drop the value.

    For null and an empty text both are None: these values are missing, and are not counted as dropped.
    """
    if isinstance(value, str) or value is None:
        return value or None, None
    if isinstance(value, bool | list | dict):
        return None, "wrong_type"
    digits = str(value) if isinstance(value, int) else bytes(value).decode()
    is_id = re.fullmatch(r"-?[1-9][0-9]*", digits) and digits != "-1"
    return (digits, None) if is_id else (None, "invalid_number")
