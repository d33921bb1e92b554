"""The conf of a run is validated here too: Airflow accepts keys that no param declares."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException

from include.errors import ConfigError
from mixpanel_aep.context import partition_of, requested_refresh, should_replace, validate_conf
from mixpanel_aep.operators.export import MixpanelExportOperator
from mixpanel_aep.operators.ingest import AepIngestOperator
from mixpanel_aep.operators.reconcile import (
    ReconcileCloseOperator,
    ReconcileDayOperator,
    ReconcileRefreshOperator,
)
from mixpanel_aep.operators.setup import AepSetupOperator
from mixpanel_aep.operators.stage import AepStageOperator
from mixpanel_aep.operators.transform import XdmTransformOperator
from mixpanel_aep.operators.validate import XdmValidateOperator
from tests.airflow.conftest import PROJECT
from tests.airflow.task_context import task_context
from tests.support.pipeline_runner import PIPELINES

pytestmark = [pytest.mark.airflow, pytest.mark.case("M14")]
MEGABYTE = "x" * 1024 * 1024
OPERATORS = [
    MixpanelExportOperator, XdmTransformOperator, XdmValidateOperator, AepStageOperator, AepIngestOperator,
    ReconcileRefreshOperator, ReconcileDayOperator, ReconcileCloseOperator, AepSetupOperator,
]  # fmt: skip


@pytest.fixture(autouse=True)
def no_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A refused run reads no connection; none is defined here."""
    monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", f"file://{tmp_path}/lake")


def context(conf: Any, key: str | None = "2026-07-01") -> dict[str, Any]:
    return task_context(key, conf)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: f"M14-{operator.__name__}")
@pytest.mark.parametrize("conf", [{"sql": "drop"}, {"lake": "file:///etc"}, {MEGABYTE: 1}, {"a\r\nb": MEGABYTE}],
                         ids=["sql", "lake", "megabyte", "line-break"])  # fmt: skip
def test_every_task_refuses_an_unknown_key(operator: Any, conf: dict[str, Any]) -> None:
    more = {"day": "2026-07-01"} if operator is ReconcileDayOperator else {}
    task = operator(task_id="step", pipeline=PIPELINES["hostile"], **more)
    with pytest.raises(AirflowFailException, match="This run's conf has unknown keys") as refused:
        task.execute(context(conf))
    assert len(str(refused.value)) < 500
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("key", ["partition_date", "reprocess", "export_again"])
@pytest.mark.parametrize(
    "operator", [ReconcileDayOperator, ReconcileCloseOperator, ReconcileRefreshOperator, AepSetupOperator]
)
def test_a_dag_without_conf_shows_no_conf_form(operator: Any, key: str) -> None:
    more = {"day": "2026-07-01"} if operator is ReconcileDayOperator else {}
    task = operator(task_id="step", pipeline=PIPELINES["hostile"], **more)
    with pytest.raises(AirflowFailException, match="This DAG accepts no conf keys"):
        task.execute(context({key: "replace"}))


@pytest.mark.parametrize(
    "day",
    [20260701, "20260701", "2026-W27-3", "2026-07-01T00:00", " 2026-07-01", "2026-07-01\n", "2026-7-1", "9999-12-31", "../../etc",
     "\u0662026-07-01", True, ["2026-07-01"], {"a": 1}, MEGABYTE],
    ids=lambda day: f"M14-{str(day)[:12]!r}",
)  # fmt: skip
def test_a_day_has_one_notation(day: Any) -> None:
    for asked in (context({"partition_date": day}, key=None), context({}, key=day)):
        with pytest.raises(ConfigError, match="is not a valid day") as refused:
            partition_of(asked)
        assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "conf",
    [{"reprocess": value} for value in ("all", "", 1, None, True, ["replace"], {"replace": 1}, MEGABYTE)]
    + [{"export_again": value} for value in ("yes", "", 0, 1, None, [], MEGABYTE)],
    ids=lambda conf: f"M14-{str(conf)[:30]}",
)
def test_a_value_of_another_type_is_refused_and_not_repeated(conf: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="This run's") as refused:
        (should_replace(context(conf)), requested_refresh(context(conf)))
    assert len(str(refused.value)) < 200


def test_conf_is_optional() -> None:
    assert validate_conf(context(None)) == validate_conf(context({})) == {}
    assert str(partition_of(context({"partition_date": "2026-07-01"}, key=None))) == "2026-07-01"


@pytest.mark.case("M05")
def test_no_task_renders_text_from_users() -> None:
    """The only templated field is a day that this project formats, and it is validated again afterwards."""
    bag = DagBag(str(PROJECT / "dags"))
    templated = {
        (type(task).__name__, field)
        for dag in bag.dags.values()
        for task in dag.tasks
        for field in task.template_fields
    }
    assert templated == {("MappedOperator", "day")}
    task = ReconcileDayOperator(task_id="day", pipeline=PIPELINES["hostile"], day="{{ 7 * 191 }}")
    with pytest.raises(ValueError, match="Invalid isoformat"):
        task.workspace(context({}))
