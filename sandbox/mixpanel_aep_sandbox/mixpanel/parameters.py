"""Parsing of request parameters as Mixpanel parses them; an invalid parameter gives status 400 with one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from urllib.parse import parse_qsl

from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.expressions.parser import WhereError, parse

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_INTEGER = re.compile(r"-?\d{1,18}")
Test = Callable[[Mapping[str, object]], bool]
"""A compiled segmentation expression: returns whether an event matches."""


def merged_parameters(query: Mapping[str, str], body: bytes = b"") -> Params:
    """Return the parameters in the query and in the body, which is a JSON object or a form; the body takes precedence.

    Mixpanel's Query API ignores the Content-Type of the body as well, and Mixpanel's own client relies on this.
    """
    return Params({**query, **_body_parameters(body)})


class Params:
    """The parameters of a request, with a method for each type of value.

    Every method raises MixpanelError (400) if the value is invalid.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        """Return the value of a parameter, or an empty text if it is missing."""
        return self._values.get(name, "")

    def required(self, name: str) -> str:
        """Return the value of a parameter. Raises MixpanelError (400) if it is missing or empty."""
        if not self.text(name):
            raise MixpanelError(400, f"missing required parameter: {name}", echo=True)
        return self.text(name)

    def integer(self, name: str, *, least: int, most: int) -> int | None:
        """Return an integer parameter from ``least`` to ``most``, or None if it is missing."""
        text = self.text(name)
        if not text:
            return None
        if not (text.isascii() and _INTEGER.fullmatch(text)) or not least <= int(text) <= most:
            expected = f"a number from {least} to {most}"
            raise MixpanelError(400, f"invalid {name}, expected {expected}", echo=True)
        return int(text)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a boolean parameter (``true``, ``false``, ``1`` or ``0``), or the default if it is missing."""
        text = self.text(name).lower()
        if text in ("true", "1"):
            return True
        if text in ("false", "0"):
            return False
        if text:
            raise MixpanelError(400, f"invalid {name}, expected true or false", echo=True)
        return default

    def day(self, name: str) -> date:
        """Return a required date parameter in the form yyyy-mm-dd, from the year 2000 on."""
        text = self.required(name)
        try:
            if not (text.isascii() and _DAY.fullmatch(text)):
                raise ValueError("not yyyy-mm-dd")
            day = date.fromisoformat(text)
        except ValueError as error:
            raise MixpanelError(400, f"invalid date for {name}, expected yyyy-mm-dd", echo=True) from error
        if day.year < 2000:
            raise MixpanelError(400, "invalid date, bad year", echo=True)
        return day

    def json(self, name: str) -> object:
        """Return the parsed value of a JSON parameter, or None if it is missing."""
        if not self.text(name):
            return None
        try:
            return json.loads(self.text(name))
        except (ValueError, RecursionError) as error:
            raise MixpanelError(400, f"invalid {name} parameter, expected JSON", echo=True) from error

    def strings(self, name: str) -> list[str] | None:
        """Return a parameter that is a JSON array of strings, or None if it is missing."""
        try:
            found = self.json(name)
        except MixpanelError as error:
            error.error = f"invalid {name} parameter, expected a JSON array"
            raise
        if found is not None and not isinstance(found, list):
            raise MixpanelError(400, f"invalid {name} parameter, expected a JSON array", echo=True)
        if found is not None and not all(isinstance(item, str) for item in found):
            raise MixpanelError(400, f"invalid {name} parameter, expected a JSON array of strings", echo=True)
        return found

    def choice(self, name: str, *choices: str) -> str:
        """Return a required parameter whose value must be one of ``choices``."""
        if self.required(name) not in choices:
            raise MixpanelError(400, f"invalid {name}, expected one of {', '.join(choices)}", echo=True)
        return self.text(name)

    def where(self, name: str = "where") -> Test | None:
        """Return a segmentation expression, compiled to a function that tests an event, or None if it is missing."""
        if not self.text(name).strip():
            return None
        try:
            return parse(self.text(name))
        except WhereError as error:
            raise MixpanelError(400, f"invalid {name} expression: {error}", echo=True) from error

    def without(self, *names: str) -> dict[str, str]:
        """Return the values of all parameters except ``names``, by name."""
        return {name: value for name, value in self._values.items() if name not in names}


def _body_parameters(body: bytes) -> dict[str, str]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    if not isinstance(found, dict):
        return {}
    # A value that is not a text is replaced by its JSON text, which is what a form would contain.
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}
    return {_clean(name): _clean(text) for name, text in texts.items() if found[name] is not None}


def _clean(text: str) -> str:
    """Replace lone surrogates, which JSON escapes can express, by ``?``: they cannot be encoded as UTF-8."""
    return text.encode("utf-8", "replace").decode()
