"""The same fault on every route of ingest: ``<route>/<fault>``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from include.errors import (
    AccessDenied,
    CredentialsRejected,
    IdentityServiceUnavailable,
    NotFound,
    PipelineError,
    RedirectRefused,
    ServiceUnavailable,
    Throttled,
)
from tests.failures.aep_failure import AepFailure as Row
from tests.failures.aep_failure import at
from tests.failures.failure import Json, answer, drop, html

ON_THE_WAY = ("token", "dataset", "find", "create", "upload", "complete", "poll")
_DOCS = "developer.adobe.com/experience-platform-apis"
_BACK_OFF = (2.0, 7.0)
_WRONG_TYPES: dict[str, tuple[Any, ...]] = {
    "token": (
        [],
        {},
        {"access_token": 5, "expires_in": 5},
        {"access_token": "canary-body-0815", "expires_in": "soon"},
    ),
    "dataset": ([], None, 7, "text", {"error_code": "500", "message": "canary-body-0815"}, [{"name": "x"}]),
    "find": ([], None, 7, "text", {"title": "canary-body-0815"}, {"01X": ["loading"]}),
    "create": ([], None, {"id": 5}, {"id": ""}, {"error": "canary-body-0815"}),
    "poll": ([], None, 7, {"title": "canary-body-0815"}),
}


def rows() -> Iterator[Row]:
    """Return one row for each route and fault."""
    for route in ON_THE_WAY:
        unavailable = IdentityServiceUnavailable if route == "token" else ServiceUnavailable
        yield _row(route, "busy once", answer(429, retry_after=3), waits=(3, 3))
        yield _row(
            route,
            "busy for ever",
            answer(429, None),
            (Throttled,) * 2,
            succeeds=False,
            says="continues automatically",
        )
        yield _row(route, "busy for a day", answer(429, retry_after=99999), (Throttled,), waits=(0, 0))
        yield _row(route, "down for a while", answer(503, 5), waits=(67, 87))
        yield _row(
            route,
            "down for ever",
            answer(503, None),
            (unavailable,) * 2,
            succeeds=False,
            says="Run the task again",
        )
        yield _row(
            route,
            "elsewhere",
            _redirect(),
            (RedirectRefused,),
            succeeds=False,
            says="was not followed",
            times=1,
        )
        for name, fault in {
            "fails once": answer(500),
            "cuts off once": drop(),
            "hangs up once": drop(end="close"),
            "answers a page": html(),
            "echoes": answer(500, echo_authorization=True),
        }.items():
            yield _passing(route, name, fault, unavailable)
        if route != "token":
            yield _row(route, "another token", answer(401, body_json={"error_code": "401013"}), waits=(0, 0))
            yield _row(
                route,
                "no token will do",
                answer(401, None),
                (CredentialsRejected,),
                succeeds=False,
                says="also after a refresh",
            )
            yield _row(
                route,
                "forbidden",
                answer(403, None),
                (AccessDenied,),
                succeeds=False,
                says="AEP-Default-All-Users",
                times=1,
            )
        for number, value in enumerate(_WRONG_TYPES.get(route, ())):
            yield _passing(route, f"wrong types {number}", answer(200, body_json=value), unavailable)
    for route in ("dataset", "find", "create", "upload", "complete"):
        yield _row(
            route,
            "not there",
            answer(404, None),
            (NotFound,),
            succeeds=False,
            says="extra aep_sandbox",
            times=1,
        )
    for route in ("create", "upload", "complete"):  # The request was processed, but its response was lost.
        yield _passing(route, "processed nevertheless", drop(after=True), ServiceUnavailable, adopts=True)
        yield _passing(
            route,
            "done behind a page",
            answer(200, body="<html>", after=True),
            ServiceUnavailable,
            adopts=True,
        )


def _row(
    route: str,
    trouble: str,
    fault: Json,
    raises: tuple[type[PipelineError], ...] = (),
    *,
    times: int | None = None,
    **more: Any,
) -> Row:
    """``times``: how often the route is requested. Other rows only require that no second batch is created."""
    if more.get("succeeds", True):
        requests = {} if route == "create" else {"create": 1}
    else:
        requests = {} if times is None else {route: times}
        more["active"] = (
            8 if route == "poll" else 0
        )  # AEP finished nevertheless; the client could not read the status.
    return Row(f"{route}/{trouble}", _DOCS, (at(route, fault),), raises, requests=requests, **more)


def _passing(
    route: str, trouble: str, fault: Json, unavailable: type[PipelineError], *, adopts: bool = False
) -> Row:
    """A temporary fault: the request is repeated at once unless it could create a second batch; the next try polls first."""
    faults = (at(route, fault),)
    if route != "create":
        # The dataset's batches are listed before a batch is created, again before COMPLETE, and once the day is done.
        again = {} if route == "poll" else {route: 4 if route == "find" else 2}
        requests = {"create": 1, **again}
        return Row(f"{route}/{trouble}", _DOCS, faults, requests=requests, waits=_BACK_OFF)
    requests = {"create": 1 if adopts else 2}
    says = "could not|something|JSON|no batch id|without a token"
    return Row(f"create/{trouble}", _DOCS, faults, (unavailable,), says=says, requests=requests, waits=(0, 0))


def _redirect() -> Json:
    return {"action": {"do": "redirect", "to": "http://127.0.0.1:1/"}, "times": None}


ROWS = tuple(rows())
