"""Connections, pools and variables of the demo reach Airflow; the provider describes its forms."""

from __future__ import annotations

import json
import re
from importlib.metadata import entry_points
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from mixpanel_aep.provider import get_provider_info
from mixpanel_aep.settings import convert

pytestmark = pytest.mark.airflow
PROJECT = Path(__file__).parents[2]
SETTINGS = yaml.safe_load((PROJECT / "airflow_settings.yaml").read_text())


def test_the_settings_have_what_the_pipelines_need():
    converted = convert(SETTINGS)
    assert {"aep_default", "mixpanel_shop", "mixpanel_hostile", "mixpanel_adobe_tutorial"} == set(
        converted["connections"]
    )
    assert set(converted["pools"]) == {"mixpanel_export", "aep_ingest", "aep_query"}
    assert "mixpanel_aep_lake" in converted["variables"]


def test_another_sandbox_port_changes_sandbox_connections_only():
    settings = {"airflow": {"connections": [
        {"conn_id": "a", "conn_type": "mixpanel", "conn_port": 1, "conn_extra": {"sandbox": True}},
        {"conn_id": "b", "conn_type": "mixpanel", "conn_port": 443, "conn_extra": '{"region": "us"}'},
        {"conn_id": "", "conn_type": ""},
    ]}}  # fmt: skip
    connections = convert(settings, sandbox_port=9)["connections"]
    assert {name: row["port"] for name, row in connections.items()} == {"a": 9, "b": 443}


def test_the_settings_contain_no_secret_that_could_be_real():
    text = (PROJECT / "airflow_settings.yaml").read_text()
    assert not re.search(r"AKIA|-----BEGIN|[0-9a-f]{32}", text)
    for row in SETTINGS["airflow"]["connections"]:
        assert "not-real" in row["conn_password"]
        assert row["conn_host"] == "127.0.0.1"


def test_the_provider_is_registered_and_matches_airflows_schema():
    import airflow

    (entry,) = [
        e for e in entry_points(group="apache_airflow_provider") if e.value.startswith("mixpanel_aep")
    ]
    assert entry.load() is get_provider_info
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema_rs.validate(schema, get_provider_info())


def test_forms_show_exactly_the_fields_that_the_clients_use():
    from include.aep.settings import EXTRA_FIELDS as AEP_FIELDS
    from include.mixpanel.settings import EXTRA_FIELDS as MIXPANEL_FIELDS

    required = {"mixpanel": "project_id", "adobe_experience_platform": "org_id"}
    forms = {
        form["connection-type"]: {*form["conn-fields"], required[form["connection-type"]]}
        for form in get_provider_info()["connection-types"]
    }
    assert forms == {"mixpanel": set(MIXPANEL_FIELDS), "adobe_experience_platform": set(AEP_FIELDS)}


@pytest.mark.parametrize(
    ("kind", "required"), [("mixpanel", "Project ID"), ("adobe_experience_platform", "Organization ID")]
)
def test_what_has_to_be_filled_is_among_the_fields_that_airflow_does_not_fold_away(kind: str, required: str):
    """As Airflow's page asks for it: only the standard fields are open; an extra field may be left as it is."""
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    (form,) = [hook for hook in HookMetaService.hook_meta_data() if hook.connection_type == kind]
    standard = form.standard_fields
    assert standard.url_schema.title == required
    assert not standard.url_schema.hidden
    assert standard.login.title
    assert standard.password.title
    assert all(
        field["value"] is not None or "null" in field["schema"]["type"]
        for field in form.extra_fields.values()
    )
    assert required.lower().replace(" ", "_") not in form.extra_fields
