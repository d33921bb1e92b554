"""An invalid pipeline file is refused with its name, its line and the correction; a valid one is read."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from include.config.alerts import KINDS, NotifierSettings
from include.config.cron import normalize_cron
from include.config.loader import PIPELINES, load_pipeline, load_pipelines, load_readable_pipelines
from include.config.shares import parse_share
from include.errors import ConfigError

pytestmark = pytest.mark.unit

WRONG = sorted((Path(__file__).parent / "wrong").glob("*.yaml"))
GOOD = """
mixpanel: {timezone: Europe/Berlin, time_is: utc}
aep: {dataset: Events, schema: Events}
mapping: shop.json
identities: {$user_id: MixpanelUser}
start_date: 2026-01-01
"""


def write(folder: Path, name: str = "shop", text: str = GOOD, **replaced: str) -> Path:
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_an_invalid_file_is_refused_with_the_sentence_in_its_first_line(path: Path) -> None:
    sentence = path.read_text(encoding="utf-8").split("\n")[0].removeprefix("# ")
    with pytest.raises(ConfigError) as refused:
        load_pipeline(path)
    assert str(refused.value).startswith(sentence)
    assert "?." not in str(refused.value)


def test_there_are_invalid_files() -> None:
    assert len(WRONG) > 25


def test_every_shipped_pipeline_is_valid() -> None:
    assert [pipeline.name for pipeline in load_pipelines(PIPELINES)] == sorted(
        p.stem for p in PIPELINES.glob("*.yaml")
    )


def test_retention_is_explicit_and_superseded_copies_have_a_default(tmp_path: Path) -> None:
    usual = load_pipeline(write(tmp_path))
    assert (usual.has_retention, usual.retention.superseded_days, usual.retention.raw_days) == (
        False,
        7,
        None,
    )
    text = f"{GOOD}retention: {{raw_days: 30, superseded_days: null}}\n"
    asked = load_pipeline(write(tmp_path, text=text))
    assert (asked.has_retention, asked.retention.superseded_days, asked.retention.raw_days) == (
        True,
        None,
        30,
    )


def test_a_valid_file_has_its_defaults(tmp_path: Path) -> None:
    pipeline = load_pipeline(write(tmp_path))
    assert (pipeline.name, pipeline.start_date) == ("shop", date(2026, 1, 1))
    assert (pipeline.unmapped, pipeline.quality.max_quarantined, pipeline.aep.file_format) == (
        "keep",
        0.005,
        "parquet",
    )


@pytest.mark.parametrize(
    "text", ["0 12 * * 0", "*/15 0-6 1,15 * mon-fri", "5 4 * JAN-mar 7", "0 0 1-31/2 1 *",
     "0 0 29 2 *", "0 0 31 * *", "0 0 30 2 mon", "0 0 31 apr-MAY *", "0 0 15/20 2 *", "0 0 *,31 2 *"]
)  # fmt: skip
def test_a_cron_expression_is_kept_unchanged(text: str) -> None:
    assert normalize_cron(text.replace(" ", "  ")) == text


@pytest.mark.parametrize(
    "text",
    ["", "@weekly", "* * * *", "60 * * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "* * * * son", "5-1 * * * *",
     "*/0 * * * *", "1- * * * *", "1,,2 * * * *", "* * * * * *", "\u0663 * * * *",
     "0 0 30 2 *", "0 0 31 2,4,JUN,9,11 *", "0 0 31/5 feb *", "0 0 30-31 2 *", "0 0 30 2 *,1"],
)  # fmt: skip
def test_a_cron_expression_that_airflow_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cron expression"):
        normalize_cron(text)


def test_a_pipeline_may_have_no_schedule_for_verify(tmp_path: Path) -> None:
    text = f"{GOOD}verify: {{schedule: null, reader: data_access, budget_seconds: 60}}\n"
    assert load_pipeline(write(tmp_path, text=text)).verify.schedule is None
    assert load_pipeline(write(tmp_path, "other")).verify.schedule == "0 12 * * 0"


@pytest.mark.parametrize(
    ("kwargs", "name"),
    [
        ({"headers": {"X-Api-Key": "x"}}, "X-Api-Key"),
        ({"headers": {"Cookie": "x"}}, "Cookie"),
        ({"auth": {"pass": "x"}}, "pass"),
        ({"pwd": "x"}, "pwd"),
        ({"integration_key": "x"}, "integration_key"),
        ({"smtp_password": "x"}, "smtp_password"),
        ({"a": [{"b": ["https://user:word@example.com/x"]}]}, "b"),
        ({"text": "Authorization: Bearer abcdefgh1jkl"}, "text"),
    ],
)
def test_an_argument_that_may_hold_a_secret_is_refused_without_its_value(
    kwargs: dict[str, Any], name: str
) -> None:
    with pytest.raises(ValidationError, match="may contain a secret") as refused:
        NotifierSettings.model_validate({"class": "a.B", "kwargs": kwargs})
    assert refused.value.errors()[0]["msg"].startswith(f"Value error, {name!r} may contain a secret")


@pytest.mark.parametrize(
    "kwargs",
    [
        {"pagerduty_events_conn_id": "x", "token_conn_id": "y", "dedup_key": "{{ alert.kind }}"},
        {"text": "See https://wiki.example.com/a@b: bearer of news", "subject": "Basic information"},
        {"bypass": True, "compass": 1},
        {"url": "https://{{ conn.hook.login }}:{{ conn.hook.password }}@example.com"},
    ],
)
def test_connections_and_ordinary_arguments_are_accepted(kwargs: dict[str, Any]) -> None:
    assert NotifierSettings.model_validate({"class": "a.B", "kwargs": kwargs}).kwargs == kwargs


def test_alerts_are_off_and_have_limits_once_they_have_a_notifier(tmp_path: Path) -> None:
    assert load_pipeline(write(tmp_path)).alerts is None
    text = f"{GOOD}alerts: {{notifiers: [{{class: a.B, kinds: [late]}}, {{class: a.C, kwargs: {{to: x}}}}], volume_factor: null, max_late: 5%}}\n"
    alerts = load_pipeline(write(tmp_path, "other", text=text)).alerts
    assert alerts is not None
    assert [notifier.kinds for notifier in alerts.notifiers] == [("late",), KINDS]
    assert (alerts.late_after_hours, alerts.max_quarantined, alerts.volume_factor, alerts.max_late) == (
        6,
        0.001,
        None,
        0.05,
    )


def test_a_windows_time_zone_is_accepted(tmp_path: Path) -> None:
    """Adobe's own Mixpanel source uses such names."""
    pipeline = load_pipeline(write(tmp_path, **{"Europe/Berlin": "Pacific Standard Time"}))
    assert pipeline.mixpanel.zone == ZoneInfo("America/Los_Angeles")


@pytest.mark.parametrize(("time_is", "zone"), [("utc", "UTC"), ("project_local", "Europe/Berlin")])
def test_days_are_counted_in_utc_unless_the_project_is_older(tmp_path: Path, time_is: str, zone: str) -> None:
    pipeline = load_pipeline(write(tmp_path, **{"time_is: utc": f"time_is: {time_is}"}))
    assert pipeline.mixpanel.day_zone == ZoneInfo(zone)


def test_two_pipelines_may_not_write_to_one_dataset(tmp_path: Path) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two")
    with pytest.raises(
        ConfigError, match=r"one\.yaml and two\.yaml both write to dataset 'Events' of connection"
    ):
        load_pipelines(tmp_path)


def test_equal_datasets_of_two_connections_are_two_datasets(tmp_path: Path) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two", **{"dataset: Events": "dataset: Events, conn_id: other"})
    assert len(load_pipelines(tmp_path)) == 2


def test_one_invalid_file_does_not_affect_the_others(tmp_path: Path) -> None:
    write(tmp_path, "good")
    write(tmp_path, "bad", "mixpanel: 5")
    pipelines, faults = load_readable_pipelines(tmp_path)
    assert [pipeline.name for pipeline in pipelines] == ["good"]
    assert len(faults) == 1
    assert "bad.yaml:1 mixpanel:" in str(faults[0])


def test_every_invalid_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, "one", "mixpanel: 5")
    write(tmp_path, "two", "aep: 5")
    with pytest.raises(ConfigError, match=r"one\.yaml.*two\.yaml"):
        load_pipelines(tmp_path)


def test_the_folder_can_be_set_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "elsewhere")
    monkeypatch.setenv("MIXPANEL_AEP_PIPELINES", str(tmp_path))
    assert [pipeline.name for pipeline in load_pipelines()] == ["elsewhere"]


def test_a_file_too_large_for_a_pipeline_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"shop\.yaml is larger than 262144 bytes"):
        load_pipeline(write(tmp_path, text=GOOD + "#" * 300_000))


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe\x00m",
        b"mixpanel: \xe9\n",
        b"[" * 1200,
        b"a: \x07\n",
        b"start: !!timestamp 2026-02-30\n",
        b"? [a]\n: 1\n",
    ],
    ids=["utf-16", "latin-1", "deep", "bell", "tagged-date", "list-for-a-key"],
)
def test_bytes_that_are_not_yaml_are_an_error_of_that_file(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "odd.yaml"
    path.write_bytes(body)
    with pytest.raises(ConfigError, match=r"odd\.yaml"):
        load_pipeline(path)


@given(st.binary(max_size=200))
def test_any_invalid_file_raises_one_of_our_errors(
    tmp_path_factory: pytest.TempPathFactory, body: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(body)
    with pytest.raises(ConfigError, match=r"any\.yaml"):
        load_pipeline(path)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("0.5%", 0.005), ("29%", 0.29), ("0.7%", 0.007), (" 1 % ", 0.01), (0.5, 0.5), (0, 0.0), ("100%", 1.0)],
)
def test_a_share_is_the_written_number(written: object, meant: float) -> None:
    assert parse_share(written) == meant


@pytest.mark.parametrize("written", ["101%", "-1%", "5", "%", "1%%", True, None, float("nan"), 1.01, "0x1%"])
def test_an_invalid_share_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="write a share like"):
        parse_share(written)


def test_names_that_would_share_a_dag_are_refused(tmp_path: Path) -> None:
    text = (PIPELINES / "shop.yaml").read_text()
    (tmp_path / "a-b.yaml").write_text(text)
    (tmp_path / "a_b.yaml").write_text(text.replace("dataset: Mixpanel Shop Events", "dataset: Another"))
    (tmp_path / "folder.yaml").mkdir()
    pipelines, faults = load_readable_pipelines(tmp_path)
    assert [pipeline.name for pipeline in pipelines] == ["a-b"]
    assert "differ only in - and _" in str(faults[0])
    assert "folder.yaml is not a file" in str(faults[1])


def test_a_last_day_with_which_dates_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(
        (PIPELINES / "shop.yaml").read_text().replace("end_date: 2026-07-02", "end_date: 9999-12-31")
    )
    with pytest.raises(ConfigError, match="9999-12-31 is too late: the last day is 9000-01-01"):
        load_pipeline(path)
