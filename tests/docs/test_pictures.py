"""The pictures of README.md and docs/ are made by scripts, and the picture of the flow is up to date."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from include.lake.keys import STEP_FOLDERS
from include.lake.manifest import STEPS
from scripts import flow_picture
from tests.support.documentation import ROOT

pytestmark = pytest.mark.unit
IMAGES = ROOT / "docs/images"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = {name for page in PAGES for name in re.findall(r"\]\((?:docs/)?images/([^)]+)\)", page.read_text())}


def test_the_picture_of_the_flow_is_up_to_date() -> None:
    assert flow_picture.main(["--check"]) == 0, "run: python scripts/flow_picture.py"


def test_the_picture_has_every_task_in_the_order_of_the_dag() -> None:
    tasks = flow_picture.tasks_of_daily_dag()
    assert tasks == [*STEPS, "ingest"]
    shown = [text.text for text in ET.fromstring(flow_picture.picture()).findall(".//{*}text")]
    assert [text for text in shown if text in tasks] == tasks
    assert {f"{STEP_FOLDERS[step]}/" for step in STEPS} <= set(shown)


def test_a_dag_without_a_caption_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(flow_picture.OTHER_DAGS, "mixpanel_aep_verify")
    with pytest.raises(SystemExit, match="no caption for mixpanel_aep_verify"):
        flow_picture.picture()


def test_every_picture_of_the_board_is_made_by_its_browser_tests() -> None:
    source = (ROOT / "tests/browser/test_board.py").read_text(encoding="utf-8")
    made = {f"board-{name}.png" for name in re.findall(r'picture\("([a-z-]+)"', source)}
    kept = {path.name for path in IMAGES.iterdir()}
    assert kept - {"flow.svg"} <= made
    assert kept == SHOWN
