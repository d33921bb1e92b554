"""The lake's signing keys as Airflow's tasks and the command line find them: the same keys, and never in a log."""

from __future__ import annotations

import secrets
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.execution_time import task_runner

from include.board.source import FactsReader
from include.cli.local_airflow import Airflow
from include.cli.settings_lookup import LakeSetting, find_signing_keys
from include.clock import Clock
from include.errors import ConfigError, PipelineError, SettingsUnavailable
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.signing_keys import SIGNING_KEYS_ENVIRONMENT, SIGNING_KEYS_VARIABLE, SigningKeys
from mixpanel_aep import lakes
from mixpanel_aep.reports import _newest_report
from mixpanel_aep.triggers import batch
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

pytestmark = [pytest.mark.airflow, pytest.mark.case("M16")]
ONE, TWO = secrets.token_hex(32), secrets.token_hex(32)
DAY = date(2026, 7, 1)
PATIENT = Clock(sleep=lambda seconds: None)


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(lakes, "mask_secret", found.append)
    return found


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    found: dict[str, str] = {}
    monkeypatch.setattr(lakes, "read_variable", lambda name, clock=None: found.get(name))
    return found


def ids(*texts: str) -> list[str]:
    signing_keys = SigningKeys.parse(",".join(texts))
    assert signing_keys is not None
    return list(signing_keys.keys)


def test_m16_the_environment_has_precedence_over_the_variable(
    variables: dict[str, str], masked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a user who may edit variables could add a key."""
    assert lakes.lake_signing_keys() is None
    variables[SIGNING_KEYS_VARIABLE] = f"{ONE}, {TWO}"
    signing_keys = lakes.lake_signing_keys()
    assert signing_keys is not None
    assert list(signing_keys.keys) == ids(ONE, TWO)
    monkeypatch.setenv(SIGNING_KEYS_ENVIRONMENT, TWO)
    signing_keys = lakes.lake_signing_keys()
    assert signing_keys is not None
    assert list(signing_keys.keys) == ids(TWO)
    assert masked == [ONE, TWO, TWO]


def test_m16_a_task_opens_the_lake_with_the_keys(
    variables: dict[str, str], masked: list[str], tmp_path: Any
) -> None:
    variables[SIGNING_KEYS_VARIABLE] = ONE
    pipeline = PIPELINES["hostile"].model_copy(update={"lake": f"file://{tmp_path}/lake"})
    lake = lakes.open_lake(pipeline)
    assert lake.signing_keys is not None
    assert list(lake.signing_keys.keys) == ids(ONE)


def test_m16_an_unreadable_variable_is_not_a_lake_without_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(message: Any) -> Any:
        raise ConnectionError

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=away), raising=False)
    with pytest.raises(SettingsUnavailable, match=SIGNING_KEYS_VARIABLE):
        lakes.lake_signing_keys(PATIENT)


def test_m16_a_weak_key_is_refused_and_not_repeated(variables: dict[str, str], masked: list[str]) -> None:
    variables[SIGNING_KEYS_VARIABLE] = "aabbccddeeff"
    with pytest.raises(ConfigError, match="shorter") as refused:
        lakes.lake_signing_keys()
    assert "aabbcc" not in str(refused.value)


def test_m16_airflow_masks_a_variable_of_this_name() -> None:
    from airflow.sdk._shared.secrets_masker import should_hide_value_for_key

    assert should_hide_value_for_key(SIGNING_KEYS_VARIABLE)


def test_m16_the_command_line_finds_the_same_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow = Airflow(())
    monkeypatch.setattr(Airflow, "is_configured", True)
    monkeypatch.setattr(Airflow, "_output", {"lake": None, "lake_secret": ONE, "connections": {}})
    found = find_signing_keys(LakeSetting("file:///x", "the default"), airflow)
    assert found is not None
    assert list(found.keys) == ids(ONE)
    assert find_signing_keys(LakeSetting("file:///x", "--lake"), airflow) is None
    for name, text in (
        (f"AIRFLOW_VAR_{SIGNING_KEYS_VARIABLE.upper()}", TWO),
        (SIGNING_KEYS_ENVIRONMENT, ONE),
    ):
        monkeypatch.setenv(name, text)
        found = find_signing_keys(LakeSetting("file:///x", "the default"), airflow)
        assert found is not None
        assert list(found.keys) == ids(text)


@pytest.mark.sandbox
def test_m16_the_board_needs_the_key_and_report_and_trigger_need_none(tmp_path: Path) -> None:
    signed = Lake(f"file://{tmp_path}/lake", SigningKeys.parse(ONE))
    with quick_sandbox(tmp_path / "sandbox") as server:
        runner = PipelineRunner(server.url, signed, PIPELINES["hostile"])
        runner.setup()
        runner.ingest(DAY, runner.stage(DAY))
    unsigned = Lake(signed.url)
    with pytest.raises(PipelineError, match="this process has no signing key"):
        FactsReader(unsigned, PIPELINES["hostile"], PATIENT).fresh_day(DAY)
    day = FactsReader(signed, PIPELINES["hostile"], PATIENT).fresh_day(DAY)
    assert day is not None and day.counts.active == 8
    assert _newest_report(unsigned, PartitionKey("hostile", DAY)).status_code == 200
    trigger = (Path(batch.__file__)).read_text(encoding="utf-8")
    assert "lake" not in trigger.lower(), "it reads no record"
