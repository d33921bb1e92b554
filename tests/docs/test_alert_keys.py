"""The section ``alerts``: every key has its default on docs/pipeline-file.md, and a wrong example with its message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from include.config.alerts import KINDS, Alerts, NotifierSettings
from include.config.loader import PIPELINES, load_pipeline
from include.errors import ConfigError
from tests.support.documentation import ROOT

pytestmark = pytest.mark.unit
ROWS = {
    cells[1].strip("` "): cells[2].strip("` ")
    for line in (ROOT / "docs/pipeline-file.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `alerts.")
    for cells in [line.split("|")]
}
FIELDS = {
    **{
        f"alerts.notifiers.{each.alias or name}": each for name, each in NotifierSettings.model_fields.items()
    },
    **{f"alerts.{name}": each for name, each in Alerts.model_fields.items() if name != "notifiers"},
}
SHARE = 'write a share like "0.5%" or 0.005, from 0% to 100%'
WRONG: dict[str, tuple[Any, str]] = {
    "alerts.notifiers.class": (
        "SmtpNotifier",
        "write the path of a notifier's class, such as airflow.providers",
    ),
    "alerts.notifiers.kwargs": (
        {"headers": [{"api_key": "x"}]},
        "'api_key' may hold a secret; store it in an Airflow connection, and name the connection here",
    ),
    "alerts.notifiers.kinds": (["slow"], "Input should be 'failed', 'late', 'quarantine', 'volume'"),
    "alerts.late_after_hours": (-1, "Input should be greater than or equal to 0"),
    "alerts.max_quarantined": (5, SHARE),
    "alerts.volume_factor": (1, "Input should be greater than 1"),
    "alerts.new_properties": ("some", "Input should be a valid boolean"),
    "alerts.max_late": ("101%", SHARE),
    "alerts.max_vanished": (True, SHARE),
    "alerts.credentials": ({"adobe": "soon"}, "Input should be a valid date"),
    "alerts.credentials_days": (0, "Input should be greater than or equal to 1"),
}


def test_the_page_and_the_wrong_examples_have_every_key_and_no_other() -> None:
    assert ROWS.keys() == FIELDS.keys() == WRONG.keys()


@pytest.mark.parametrize("key", FIELDS)
def test_the_default_is_that_of_the_code(key: str) -> None:
    field = FIELDS[key]
    value = field.default
    if field.is_required():
        written = "required"
    elif value == KINDS:
        written = "all"
    elif key.startswith("alerts.max_"):
        written = f"{100 * value:g}%"
    else:
        written = str(value).lower() if isinstance(value, bool) else str(value)
    assert ROWS[key] == written


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_value_is_refused_with_file_key_and_what_to_write(tmp_path: Path, key: str) -> None:
    value, message = WRONG[key]
    notifier: dict[str, Any] = {"class": "a.B"}
    alerts: dict[str, Any] = {"notifiers": [notifier]}
    of_notifier = key.startswith("alerts.notifiers.")
    (notifier if of_notifier else alerts)[key.rpartition(".")[2]] = value
    path = tmp_path / "shop.yaml"
    path.write_text((PIPELINES / "shop.yaml").read_text() + yaml.safe_dump({"alerts": alerts}))
    with pytest.raises(ConfigError) as refused:
        load_pipeline(path)
    assert message in str(refused.value)
    assert key.replace("notifiers.", "notifiers.0.") in str(refused.value)
    assert str(refused.value).startswith("shop.yaml:")
