"""Policy of the DAGs: they load, have documentation and timeouts, and cost the scheduler little."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

from include.config.loader import load_pipelines

pytestmark = pytest.mark.airflow
PROJECT = Path(__file__).parents[2]
STEPS = ["export", "transform", "validate", "stage", "ingest"]


@pytest.fixture(scope="module")
def dags():
    bag = DagBag(str(PROJECT / "dags"))
    assert bag.import_errors == {}
    return bag.dags


def test_every_pipeline_file_has_a_daily_dag_of_the_five_steps(dags):
    for pipeline in load_pipelines():
        dag = dags[f"mixpanel_to_aep_{pipeline.name.replace('-', '_')}"]
        assert [task.task_id for task in dag.topological_sort()] == STEPS
        assert all(len(task.downstream_list) == 1 for task in list(dag.topological_sort())[:-1])


def test_every_dag_is_a_runbook(dags):
    for dag in dags.values():
        assert dag.doc_md
        assert len(dag.doc_md) > 300, dag.dag_id
        assert dag.description
        assert {"mixpanel", "aep"} <= set(dag.tags)
        assert not dag.catchup
        assert dag.dagrun_timeout
        named = set(re.findall(r"mixpanel_(?:aep|to)_\w+", dag.doc_md))
        assert named <= dags.keys(), "a DAG that there is"


def test_every_task_has_retries_and_a_timeout(dags):
    for dag in dags.values():
        for task in dag.tasks:
            assert task.retries >= 2, task.task_id
            assert task.execution_timeout
            assert task.execution_timeout <= timedelta(hours=12)


def test_tasks_that_call_a_limited_service_have_a_pool(dags):
    for dag in dags.values():
        pools = {task.task_id: task.pool for task in dag.tasks}
        if "export" in pools:
            assert pools["export"] == "mixpanel_export"
            assert pools["ingest"] == "aep_ingest"
        if "verify" in pools:
            assert pools["verify"] == "aep_query"


def test_an_invalid_pipeline_file_affects_no_other_pipeline_and_is_shown(tmp_path, monkeypatch):
    good = (PROJECT / "include/pipelines/shop.yaml").read_text()
    (tmp_path / "good.yaml").write_text(good)
    (tmp_path / "broken.yaml").write_text(good.replace("late_days", "late_dais"))
    monkeypatch.setenv("MIXPANEL_AEP_PIPELINES", str(tmp_path))
    bag = DagBag(str(PROJECT / "dags"))
    assert sorted(bag.dags) == [
        "mixpanel_aep_day_good", "mixpanel_aep_reconcile_good", "mixpanel_aep_verify_good", "mixpanel_to_aep_good",
    ]  # fmt: skip
    (error,) = bag.import_errors.values()
    assert "broken.yaml:19 has an unknown key 'late_dais'; did you mean 'late_days'?" in error


@pytest.mark.parametrize(
    ("notifier", "cause"),
    [
        ("{class: not_installed.Notifier}", "ModuleNotFoundError: No module named 'not_installed'."),
        ("{class: mixpanel_aep.alerts.webhook.WebhookNotifier}", "TypeError: missing a required argument: 'conn_id'."),
    ],
)  # fmt: skip
def test_a_notifier_that_cannot_be_created_is_shown_and_stops_no_day(tmp_path, monkeypatch, notifier, cause):
    good = (PROJECT / "include/pipelines/shop.yaml").read_text()
    (tmp_path / "shop.yaml").write_text(f"{good}alerts: {{notifiers: [{notifier}]}}\n")
    monkeypatch.setenv("MIXPANEL_AEP_PIPELINES", str(tmp_path))
    bag = DagBag(str(PROJECT / "dags"))
    assert "mixpanel_to_aep_shop" in bag.dags
    (error,) = bag.import_errors.values()
    assert "shop.yaml: notifier " in error
    assert cause in error


def test_a_pipeline_with_alerts_has_a_deadline_callbacks_and_a_task_that_sends_them(tmp_path, monkeypatch):
    good = (PROJECT / "include/pipelines/shop.yaml").read_text()
    notifier = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
    alerts = f"alerts: {{notifiers: [{{class: {notifier}, kwargs: {{to: a@example.com}}}}]}}\n"
    (tmp_path / "shop.yaml").write_text(good + alerts)
    monkeypatch.setenv("MIXPANEL_AEP_PIPELINES", str(tmp_path))
    bag = DagBag(str(PROJECT / "dags"))
    assert bag.import_errors == {}
    daily = bag.dags["mixpanel_to_aep_shop"]
    assert [task.task_id for task in daily.topological_sort()] == STEPS
    assert daily.deadline
    assert daily.on_failure_callback
    for name in ("mixpanel_to_aep_shop", "mixpanel_aep_reconcile_shop", "mixpanel_aep_verify_shop"):
        for task in bag.dags[name].tasks:
            assert bool(task.on_failure_callback) is (task.task_id != "alerts"), task.task_id
    last = bag.dags["mixpanel_aep_reconcile_shop"].get_task("alerts")
    assert last.trigger_rule == "all_done"
    assert not last.downstream_list, "no task waits for it"
    assert "a@example.com" not in str(DagSerialization.to_dict(daily))


def test_a_pipeline_without_late_days_has_a_reconcile_dag_that_says_that_it_loads_none(tmp_path, monkeypatch):
    good = (PROJECT / "include/pipelines/shop.yaml").read_text()
    (tmp_path / "shop.yaml").write_text(re.sub(r"late_days: \d+", "late_days: 0", good))
    monkeypatch.setenv("MIXPANEL_AEP_PIPELINES", str(tmp_path))
    dags = DagBag(str(PROJECT / "dags")).dags
    assert [task.task_id for task in dags["mixpanel_aep_reconcile_shop"].tasks][:3] == [
        "refresh",
        "day",
        "close",
    ]
    for dag in dags.values():
        if not dag.dag_id.startswith(("mixpanel_aep_setup", "mixpanel_aep_verify", "mixpanel_aep_day")):
            assert "`late_days` is 0" in dag.doc_md
            assert "{" not in dag.doc_md, "a field that was not filled in"


def test_a_pipeline_file_shipped_with_the_dag_files_but_not_read_is_shown(tmp_path):
    for folder in ("dags", "include/pipelines"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    assert DagBag(str(tmp_path / "dags")).import_errors == {}
    (tmp_path / "include/pipelines/new.yaml").write_text("")
    changed = tmp_path / "include/pipelines/shop.yaml"
    changed.write_text(changed.read_text().replace("late_days: 3", "late_days: 9"))
    bag = DagBag(str(tmp_path / "dags"))
    (error,) = bag.import_errors.values()
    assert "are not read: new.yaml, shop.yaml in " in error
    assert "mixpanel_to_aep_shop" in bag.dags, "what is read goes on"


def test_dag_files_import_in_a_third_of_airflows_own_time_without_heavy_libraries():
    """Measured in one fresh interpreter as a share of Airflow's own time, so that a slow machine does not fail."""
    code = (
        "import sys, time, runpy\n"
        "begun = time.process_time()\n"
        "import airflow.sdk, airflow.timetables.trigger, airflow.providers.standard.triggers.temporal, "
        "airflow.triggers.base\n"
        "started = time.process_time()\n"
        f"[runpy.run_path(f'{PROJECT}/dags/' + name) for name in ('mixpanel_to_aep.py', 'mixpanel_aep_day.py', 'mixpanel_aep_reconcile.py', 'mixpanel_aep_setup.py', 'mixpanel_aep_verify.py')]\n"
        "heavy = {'pandas', 'great_expectations', 'duckdb', 'pyarrow', 'jsonschema_rs', 'boto3'} & set(sys.modules)\n"
        "print((time.process_time() - started) / (started - begun), sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    share, _, heavy = done.stdout.strip().splitlines()[-1].partition(" ")
    assert heavy == "[]"
    assert float(share) < 0.33


def test_parsing_dag_files_reads_no_connection_and_no_variable():
    for path in (PROJECT / "dags").glob("*.py"):
        names = {
            node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)
        }
        assert not names & {"get_connection", "get_conn", "Variable"}, path.name
