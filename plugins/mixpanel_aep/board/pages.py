"""Renders the board's pages from templates, with HTTP headers that isolate them from other sites."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.board.calendar import figure
from include.board.sentences import date_words
from include.plural import counted
from include.version import VERSION
from mixpanel_aep.board.readers import read_pipelines

_HERE = Path(__file__).parent
PREFIX = "/mixpanel-aep"
"""The path below which Airflow mounts the app."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
_RECORDS = {
    "claimed": "a run began to load the day",
    "created": "a batch was created",
    "completing": "all files were uploaded, and the batch was completed",
    "active": "the batch is active",
    "failed": "AEP refused the batch",
    "empty": "the day has no events to load",
    "gone": "the batch is no longer active",
}
"""The meaning of each kind of ledger record, as the page of a day shows it."""
_STATIC = {"board.css": "text/css", "board.js": "text/javascript", "home.js": "text/javascript"}


def render(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """Render a template as a page.

    Args:
        request: the request, which gives the paths at which Airflow and the board are mounted.
        template: the name of the template.
        status: the HTTP status.
        values: the variables of the template.
    """
    mount = str(request.scope.get("root_path", ""))
    root = mount.removesuffix(PREFIX)
    text = _environment().get_template(template).render(
        root=root, board=f"{mount}/board", report=f"{mount}/report", version=VERSION,
        faults=read_pipelines().faults, **values,
    )  # fmt: skip
    return HTMLResponse(text, status_code=status, headers=_HEADERS)


def sentence_page(request: Request, sentence: str, status: int) -> HTMLResponse:
    """Return a page with one sentence, which says why a page cannot be shown. ``status``: the HTTP status."""
    return render(request, "sentence.html.j2", status=status, sentence=sentence)


def static(name: str) -> Response | None:
    """Return the style sheet or the script with this file name; None for any other name."""
    if name not in _STATIC:
        return None
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=300"}
    return Response((_HERE / "static" / name).read_bytes(), media_type=_STATIC[name], headers=headers)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "day": date_words,
        "path": lambda text: quote(str(text), safe=""),
        "number": lambda number: f"{number:,}",
        "counted": counted,
        "figure": figure,
        "moment": _moment,
        "record": lambda kind: _RECORDS[kind],
        "slug": lambda state: state.value.replace(" ", "-"),
    }
    return environment


def _moment(value: datetime | str | None) -> str:
    """Format a UTC time as ``2026-06-30 06:12 UTC``; return an empty text for None or an empty text."""
    found = datetime.fromisoformat(value) if isinstance(value, str) and value else value
    return f"{found:%Y-%m-%d %H:%M} UTC" if isinstance(found, datetime) else ""
