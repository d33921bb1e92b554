"""Convert a store's exceptions to this project's errors, without the store's own text, which may contain secrets."""

from __future__ import annotations

import re

from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

from include.errors import AccessDenied, LakeError, PipelineError, WrongClock

_CODE = re.compile(r"<Code>([A-Za-z]{3,60})</Code>")
_STATUS = re.compile(r"status code: ([1-5][0-9]{2})\b")
_CLOCK_CODES = ("RequestTimeTooSkewed", "RequestExpired")
_CAUSES = (
    ("BadScheme", "its endpoint speaks plain HTTP, which is not allowed for this lake"),
    ("dns error", "the host name of its endpoint cannot be resolved"),
    ("ConnectionRefused", "its endpoint refuses connections"),
    ("certificate", "the certificate of its endpoint is not trusted"),
    ("InvalidContentType", "its endpoint does not speak TLS"),
    ("NetworkUnreachable", "its endpoint cannot be reached from this machine"),
    ("HostUnreachable", "its endpoint cannot be reached from this machine"),
    ("TimedOut", "its endpoint does not respond in time"),
    ("kind: Timeout", "its endpoint does not respond in time"),
    ("ConnectionReset", "its endpoint closes connections"),
    ("IncompleteMessage", "its endpoint closes connections"),
    ("kind: Connect", "no connection to its endpoint can be opened"),
)
"""Parts of obstore's message for a request without a response, each with its cause."""


def store_error(url: str, verb: str, key: str, error: Exception) -> PipelineError:
    """Return this project's error for an exception of the store.

    Args:
        url: the lake's address.
        verb: the failed operation, such as ``read``.
        key: the object; empty if the operation was on the lake as a whole.
        error: the exception of the store.

    Returns:
        A WrongClock, AccessDenied or LakeError.
    """
    place = f"{key} in the lake {url}" if key else f"the lake {url}"
    if any(code in str(error) for code in _CLOCK_CODES):
        return WrongClock(
            f"The store of lake {url} rejected the time of this worker's clock ({_cause(error)}).",
            "Synchronize the worker's clock (NTP), then run the task again. S3 accepts a difference of up to 15 minutes.",
        )
    if forbids(error):
        return AccessDenied(
            f"This worker has no permission to {verb} {place}.",
            "Grant its role that permission (docs/security.md lists all that it needs). No object was partially written.",
        )
    return LakeError(
        f"Could not {verb} {place}: {_cause(error)}.",
        "Check that the lake exists, that it has free space and that this worker may write to it.",
    )


def _cause(error: Exception) -> str:
    """Return a short cause: the exception's name and the store's error code, the HTTP status or the kind of failure.

    The store's own text is left out, because it quotes the response and possibly the request's headers.
    """
    text, name = str(error), type(error).__name__
    if code := _CODE.search(text):
        return f"{name} ({code[1]})"
    if status := _STATUS.search(text):
        return f"{name} (HTTP {status[1]})"
    meaning = next((meaning for sign, meaning in _CAUSES if sign in text), None)
    return f"{name}, {meaning}" if meaning else name


def forbids(error: Exception) -> bool:
    """Return whether an exception means that the store denied a permission."""
    if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
        return True
    # For a listing, obstore has no separate exception. The response to a bulk deletion has its codes in the body.
    return any(text in str(error) for text in ("status code: 401", "status code: 403", "AccessDenied"))


def unsupported(error: Exception) -> bool:
    """Return whether an exception means that the store does not implement create-only puts (HTTP 501)."""
    return "NotImplemented" in str(error) or "status code: 501" in str(error)
