"""What a store's exception means: one of our errors, without the store's own text."""

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
    ("TimedOut", "its endpoint does not answer in time"),
    ("kind: Timeout", "its endpoint does not answer in time"),
    ("ConnectionReset", "its endpoint closes connections"),
    ("IncompleteMessage", "its endpoint closes connections"),
    ("kind: Connect", "no connection to its endpoint can be opened"),
)
"""What obstore's text for a request without an answer says, and what it means."""


def store_error(url: str, verb: str, key: str, error: Exception) -> PipelineError:
    """The error for what the store of the lake at ``url`` did not do; ``key`` is empty where it is about all of it."""
    if any(code in str(error) for code in _CLOCK_CODES):
        return WrongClock(
            f"The store of lake {url} does not accept the time of this worker's clock ({_cause(error)}).",
            "Set the worker's clock (NTP): S3 accepts requests within 15 minutes of its own. The task may be run again.",
        )
    if forbids(error):
        return AccessDenied(
            f"The lake {url} does not let this worker {verb} {key or 'anything'}.",
            "Give its role that right (docs/security.md lists all that it needs); nothing was half written.",
        )
    return LakeError(
        f"The lake {url} cannot {verb} {key or 'anything'}: {_cause(error)}.",
        "Check that the place exists, that it has room and that this worker may write there.",
    )


def _cause(error: Exception) -> str:
    """What went wrong, without the store's own text: it quotes the answer, which may quote the request's headers."""
    text, name = str(error), type(error).__name__
    if code := _CODE.search(text):
        return f"{name} ({code[1]})"
    if status := _STATUS.search(text):
        return f"{name} (HTTP {status[1]})"
    meaning = next((meaning for sign, meaning in _CAUSES if sign in text), None)
    return f"{name}, {meaning}" if meaning else name


def forbids(error: Exception) -> bool:
    """Whether the store says that this worker may not; for a listing it has no exception of its own for that."""
    if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
        return True
    # The answer to a deletion of several objects has its codes in the body.
    return any(text in str(error) for text in ("status code: 401", "status code: 403", "AccessDenied"))


def unsupported(error: Exception) -> bool:
    """Whether the store answers that it does not implement the header of a create-only put."""
    return "NotImplemented" in str(error) or "status code: 501" in str(error)
