"""JSON bodies of requests, restricted to what can be stored and sent again."""

from __future__ import annotations

import json
import math
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError

Model = TypeVar("Model", bound=BaseModel)


def read_object(body: bytes) -> JsonObject:
    """Return a JSON object. Raises MixpanelError (400) for any other body, or for values that JSON cannot return."""
    try:
        found = json.loads(body, parse_constant=_no_number, parse_float=_finite)
        # JSON can escape lone surrogates, which cannot be sent or stored as text.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise MixpanelError(400, "The body is not JSON.") from error
    if not isinstance(found, dict):
        raise MixpanelError(400, "The body is not a JSON object.")
    return found


def read_model(body: bytes | JsonObject, model: type[Model]) -> Model:
    """Return a JSON object of a known form. Raises MixpanelError (400) that names the first invalid field."""
    given = read_object(body) if isinstance(body, bytes) else body
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise MixpanelError(400, first_fault(error)) from error


def first_fault(error: ValidationError) -> str:
    """Return the first invalid field, and why it is invalid."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}." if where else f"{first['msg']}."


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not valid JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number
