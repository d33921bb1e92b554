"""JSON that a request brings, as far as it can be kept and sent again."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError

Model = TypeVar("Model", bound=BaseModel)


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises Refusal (400): it is none, or holds a number or a text that JSON cannot give back."""
    try:
        found = json.loads(body, parse_constant=_no_number, parse_float=_finite)
        # Half a surrogate pair can be written in JSON, and neither sent nor stored as text.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise MixpanelError(400, "The body is not JSON.") from error
    if not isinstance(found, dict):
        raise MixpanelError(400, "The body is not a JSON object.")
    return found


def read_model(body: bytes | dict[str, Any], model: type[Model]) -> Model:
    """A JSON object of a known form. Raises Refusal (400) that names the first field which does not fit."""
    given = read_object(body) if isinstance(body, bytes) else body
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise MixpanelError(400, sentence(error)) from error


def sentence(error: ValidationError) -> str:
    """The first field that does not fit, and why."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}." if where else f"{first['msg']}."


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number
