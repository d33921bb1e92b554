"""The sandbox names the type of parsed JSON once, so that ``Any`` is rare and each use has a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

import mixpanel_aep_sandbox

pytestmark = pytest.mark.unit
PACKAGE = Path(*mixpanel_aep_sandbox.__path__)


def test_only_one_module_says_what_a_json_object_is() -> None:
    spelled = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "dict[str, Any]" in path.read_text(encoding="utf-8")
    }
    assert spelled == {"core/json_types.py"}
