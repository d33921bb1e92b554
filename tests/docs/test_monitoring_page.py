"""docs/monitoring.md: its examples are valid, and what it names exists."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from include.config.alerts import KINDS
from include.config.loader import PIPELINES, load_pipeline
from include.config.model import Pipeline
from tests.support.documentation import ROOT

PAGE = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def example(folder: Path, number: int) -> Pipeline:
    path = folder / "shop.yaml"
    path.write_text((PIPELINES / "shop.yaml").read_text(encoding="utf-8") + EXAMPLES[number])
    return load_pipeline(path)


@pytest.mark.unit
def test_there_is_an_example_of_each_notifier(tmp_path: Path) -> None:
    found = [example(tmp_path, number).alerts for number in range(len(EXAMPLES))]
    names = [each.class_path.rpartition(".")[2] for alerts in found if alerts for each in alerts.notifiers]
    assert set(names) == {"SmtpNotifier", "WebhookNotifier", "SlackNotifier", "AppriseNotifier"}


@pytest.mark.airflow
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_a_notifier_of_an_example_can_be_created_where_it_is_installed(tmp_path: Path, number: int) -> None:
    from mixpanel_aep.alerts.send import require_notifiers

    pipeline = example(tmp_path, number)
    assert pipeline.alerts
    package = pipeline.alerts.notifiers[0].class_path.rpartition(".notifications.")[0]
    if package and find_spec(package) is None:
        assert package.rpartition(".")[2] in ("slack", "apprise"), "which the page says are not installed"
        return
    require_notifiers([pipeline])


@pytest.mark.unit
def test_every_kind_is_on_the_page() -> None:
    assert re.findall(r"(?m)^\| `(\w+)` \|", PAGE.split("### Texts")[0]) == [
        "failed", "late", "quarantine", "volume", "properties", "missing", "refresh", "credentials",
    ]  # fmt: skip
    assert len(KINDS) == 8


@pytest.mark.airflow
def test_every_metric_of_airflow_on_the_page_exists() -> None:
    from airflow._shared.observability.metrics.metrics_registry import MetricsRegistry

    section = PAGE.split("Airflow's own metrics")[1].split("## Lineage")[0]
    names = [
        name for row in re.findall(r"(?m)^\| (`.*?`) \|", section) for name in re.findall(r"`(.*?)`", row)
    ]
    assert len(names) > 10
    registry = MetricsRegistry()
    assert [name for name in names if registry.get(name=name) is None] == []
