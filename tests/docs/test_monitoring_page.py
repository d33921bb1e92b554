"""docs/monitoring.md: its examples are valid, and what it names exists."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from inspect import Parameter, Signature, signature
from pathlib import Path
from pkgutil import resolve_name
from types import ModuleType

import pytest

from include.config.alerts import KINDS
from include.config.loader import PIPELINES, load_pipeline
from include.config.model import Pipeline
from include.errors import ConfigError
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


DOCUMENTED = {
    "airflow.providers.slack.notifications.slack.SlackNotifier": (
        "slack_conn_id text channel username icon_url attachments blocks base_url proxy timeout retry_handlers "
        "unfurl_links unfurl_media"
    ),
    "airflow.providers.apprise.notifications.apprise.AppriseNotifier": (
        "body title notify_type body_format tag attach interpret_escapes config apprise_conn_id"
    ),
}
"""The arguments of notifiers whose packages are not installed here, in the versions that the page names."""


def stand_in_for(class_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the class of a notifier be found, with its documented arguments."""
    module, _, name = class_path.rpartition(".")
    parameters = [
        Parameter(each, Parameter.KEYWORD_ONLY, default=None) for each in DOCUMENTED[class_path].split()
    ]

    class Notifier:
        __signature__ = Signature(parameters)

        def __init__(self) -> None:
            raise AssertionError("require_notifiers creates none")

    own = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    Notifier.__init__.__signature__ = Signature([own, *parameters])  # type: ignore[attr-defined]
    found = ModuleType(module)
    setattr(found, name, Notifier)
    parent, _, last = module.rpartition(".")
    monkeypatch.setitem(sys.modules, module, found)
    for each in (parent, parent.rpartition(".")[0]):
        monkeypatch.setitem(sys.modules, each, ModuleType(each))
    monkeypatch.setattr(sys.modules[parent], last, found, raising=False)


@pytest.mark.airflow
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_notifier_of_each_example_can_be_created_with_its_documented_arguments(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mixpanel_aep.alerts.send import require_notifiers

    pipeline = example(tmp_path, number)
    assert pipeline.alerts
    for settings in pipeline.alerts.notifiers:
        package = settings.class_path.rpartition(".notifications.")[0]
        if package and find_spec(package) is None:
            stand_in_for(settings.class_path, monkeypatch)
    require_notifiers([pipeline])


@pytest.mark.airflow
def test_an_argument_that_a_notifier_does_not_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mixpanel_aep.alerts.send import require_notifiers

    [number] = [number for number, text in enumerate(EXAMPLES) if "SlackNotifier" in text]
    pipeline = example(tmp_path, number)
    assert pipeline.alerts
    [settings] = pipeline.alerts.notifiers
    stand_in_for(settings.class_path, monkeypatch)
    wrong = settings.model_copy(update={"kwargs": {"room": "data-alerts"}})
    alerts = pipeline.alerts.model_copy(update={"notifiers": (wrong,)})
    with pytest.raises(ConfigError, match=r"SlackNotifier cannot be created\..*'room'"):
        require_notifiers([pipeline.model_copy(update={"alerts": alerts})])


@pytest.mark.airflow
@pytest.mark.parametrize("class_path", DOCUMENTED)
def test_the_documented_arguments_are_those_of_the_package_where_it_is_installed(class_path: str) -> None:
    if find_spec(class_path.rpartition(".notifications.")[0]) is None:
        pytest.skip("its package is not one of the locked packages")
    parameters = signature(resolve_name(class_path)).parameters.keys()
    assert parameters - {"kwargs"} == set(DOCUMENTED[class_path].split())


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
