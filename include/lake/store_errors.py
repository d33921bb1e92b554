"""What a store's exception means: one of our errors, without the store's own text."""

from __future__ import annotations

import re

from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

from include.errors import AccessDenied, LakeError, PipelineError

_CODE = re.compile(r"<Code>([A-Za-z]{3,60})</Code>")


def store_error(url: str, verb: str, key: str, error: Exception) -> PipelineError:
    """The error for what the store of the lake at ``url`` did not do; ``key`` is empty where it is about all of it."""
    if forbids(error):
        return AccessDenied(
            f"The lake {url} does not let this worker {verb} {key or 'anything'}.",
            "Give its role that right (docs/security.md lists all that it needs); nothing was half written.",
        )
    # Of the store's own text only the code: it quotes the answer, and an answer may quote the request's headers.
    code = _CODE.search(str(error))
    what = type(error).__name__ + (f" ({code[1]})" if code else "")
    return LakeError(
        f"The lake {url} cannot {verb} {key or 'anything'}: {what}.",
        "Check that the place exists, that it has room and that this worker may write there.",
    )


def forbids(error: Exception) -> bool:
    """Whether the store says that this worker may not; for a listing it has no exception of its own for that."""
    if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
        return True
    # The answer to a deletion of several objects has its codes in the body.
    return any(text in str(error) for text in ("status code: 401", "status code: 403", "AccessDenied"))


def unsupported(error: Exception) -> bool:
    """Whether the store answers that it does not implement the header of a create-only put."""
    return "NotImplemented" in str(error) or "status code: 501" in str(error)
