"""Changes settings of the sandbox's AEP side."""

from __future__ import annotations

from typing import Any

from tests.support.sandbox.aep_app import AepApp


def settings(aep: AepApp, **wanted: Any) -> None:
    assert aep.http.post("/_sandbox/aep/settings", json=wanted).status_code == 200
