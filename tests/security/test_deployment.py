"""A deployment's environment decides where events and credentials go; a form selects among its choices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.aep.settings import AepSettings
from include.cli.__main__ import main
from include.cli.settings_lookup import find_lake
from include.environment import ENVIRONMENT_VARIABLE, UnknownEnvironment, is_production
from include.errors import ConfigError
from include.http.sandbox_address import SANDBOXES_VARIABLE
from include.lake.allowed_lakes import LAKES_VARIABLE, VARIABLE_IN_ENVIRONMENT, require_allowed_lake
from include.lake.lake_address import default_lake
from tests.security.test_addresses import SERVICES
from tests.support.pipeline_runner import PIPELINES

ROOT = Path(__file__).parents[2]
UNKNOWN = [
    "production ",
    " production",
    "prod",
    "Production",
    "PRODUCTION",
    "live",
    "staging",
    "dev",
    "true",
    "1",
    " ",
]


@pytest.mark.unit
@pytest.mark.parametrize("value", UNKNOWN)
def test_an_unknown_kind_of_deployment_is_one_line_with_the_allowed_ones(value: str) -> None:
    with pytest.raises(
        UnknownEnvironment, match="the allowed values are production and development"
    ) as refused:
        is_production({ENVIRONMENT_VARIABLE: value})
    assert "\n" not in str(refused.value)


@pytest.mark.unit
def test_the_known_kinds() -> None:
    assert is_production({ENVIRONMENT_VARIABLE: "production"})
    assert not is_production({ENVIRONMENT_VARIABLE: "development"})
    assert not is_production({ENVIRONMENT_VARIABLE: ""})
    assert not is_production({})


@pytest.mark.unit
def test_one_function_reads_the_kind_of_deployment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for folder in ("include", "plugins", "dags", "scripts", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        if "environ" in (text := path.read_text(encoding="utf-8"))
        and (f'"{ENVIRONMENT_VARIABLE}"' in text or "ENVIRONMENT_VARIABLE" in text)
    ]
    # The demo removes it from the environment of its own Airflow; the check of a sandbox names it.
    assert sorted(readers) == [
        "include/environment.py",
        "include/http/sandbox_address.py",
        "scripts/demo/settings.py",
    ]


@pytest.mark.unit
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("sandbox", [False, True])
def test_an_unknown_kind_of_deployment_refuses_every_connection(
    service: str, sandbox: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "prod")
    address = {"host": "127.0.0.1", "port": 8123, "extra": {"sandbox": True}} if sandbox else {}
    with pytest.raises(ConfigError, match="the allowed values are production and development"):
        SERVICES[service](**address)


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "command",
    [
        ["-m", "mixpanel_aep_sandbox"],
        ["-c", "import include.cli.__main__ as cli; raise SystemExit(cli.main(['check', 'shop']))"],
        ["-c", "import mixpanel_aep.hooks.aep"],
    ],
    ids=["sandbox", "command line", "airflow"],
)
def test_an_unknown_kind_of_deployment_stops_the_start(command: list[str], tmp_path: Path) -> None:
    env = {
        **os.environ,
        ENVIRONMENT_VARIABLE: "prod",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}:{ROOT / 'sandbox'}",
    }
    done = subprocess.run(
        [sys.executable, *command],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "MIXPANEL_AEP_ENV is 'prod'; the allowed values are production and development" in last
    assert done.stdout == ""


@pytest.mark.unit
def test_every_command_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "production ")
    assert main(["check", "shop"]) == 1
    assert capsys.readouterr().err.startswith(
        "Refused: MIXPANEL_AEP_ENV is 'production '; the allowed values are"
    )


PRODUCTION = {ENVIRONMENT_VARIABLE: "production"}
LISTED = "s3://company-lake/mixpanel, file:///srv/lake/,abfss://raw@company.dfs.core.windows.net/mixpanel"
BELOW = [
    "s3://company-lake/mixpanel", "s3://company-lake/mixpanel/", "s3://company-lake/mixpanel/eu/one", "file:///srv/lake",
    "file:///srv/lake/a b", "abfss://raw@company.dfs.core.windows.net/mixpanel/x",
]  # fmt: skip
OUTSIDE = [
    "s3://company-lake", "s3://company-lake/mixpanel2", "s3://company-lake/mixpane", "s3://company-lake/other",
    "s3://company-lake.evil/mixpanel", "s3://evil/mixpanel", "gs://company-lake/mixpanel", "s3://Company-lake/mixpanel",
    "s3://company-lake/mixpanel/../other", "s3://company-lake/mixpanel/..", "s3://company-lake/mixpanel/%2e%2e/other",
    "s3://company-lake/mixpanel/.%2E/other", "s3://company-lake/mixpanel/./x", "s3://company-lake/mixpanel\\..\\other",
    "s3://company-lake/mixpanel/.\t./other", "s3://company-lake//mixpanel", "file:///srv/lake2", "file:///srv",
    "file:///srv/lake/../../tmp/mine", "file:///tmp/mine", "abfss://other@company.dfs.core.windows.net/mixpanel",
    "az://company-lake/mixpanel",
]  # fmt: skip


@pytest.mark.unit
@pytest.mark.parametrize("from_airflow_variable", [True, False], ids=["variable", "file"])
@pytest.mark.parametrize("url", BELOW)
def test_a_listed_lake_or_a_folder_below_one_is_allowed(url: str, from_airflow_variable: bool) -> None:
    require_allowed_lake(
        url, from_airflow_variable=from_airflow_variable, environment={LAKES_VARIABLE: LISTED}
    )


@pytest.mark.unit
@pytest.mark.parametrize("from_airflow_variable", [True, False], ids=["variable", "file"])
@pytest.mark.parametrize("url", OUTSIDE)
def test_a_lake_outside_the_list_is_refused(url: str, from_airflow_variable: bool) -> None:
    with pytest.raises(ConfigError, match=r"is not allowed in this deployment"):
        require_allowed_lake(
            url, from_airflow_variable=from_airflow_variable, environment={LAKES_VARIABLE: LISTED}
        )


@pytest.mark.unit
def test_without_a_list_a_production_form_names_only_the_environments_lake() -> None:
    def refused(url: str, **environment: str) -> bool:
        try:
            require_allowed_lake(url, from_airflow_variable=True, environment={**PRODUCTION, **environment})
        except ConfigError as error:
            assert LAKES_VARIABLE in str(error)
            return True
        return False

    assert refused("file:///tmp/mine")
    assert refused("s3://mine/lake")
    assert not refused(default_lake())
    assert not refused("s3://own/lake", **{VARIABLE_IN_ENVIRONMENT: "s3://own/lake"})
    assert not refused("s3://own/lake/part", MIXPANEL_AEP_LAKE="s3://own/lake")
    assert refused("s3://own/lakes", MIXPANEL_AEP_LAKE="s3://own/lake")
    # What the deployment itself configures needs no list: the pipeline file, the command line, the default.
    require_allowed_lake("s3://of/a/pipeline/file", from_airflow_variable=False, environment=PRODUCTION)
    # On a laptop a form is as trusted as the command line.
    require_allowed_lake("s3://mine/lake", from_airflow_variable=True, environment={})


@pytest.mark.unit
def test_a_list_applies_to_the_default_too() -> None:
    listed = {LAKES_VARIABLE: "s3://company/lake"}
    with pytest.raises(ConfigError, match="not allowed in this deployment"):
        require_allowed_lake(default_lake(), from_airflow_variable=False, environment=listed)
    named = {**listed, "MIXPANEL_AEP_LAKE": "s3://company/other"}
    require_allowed_lake("s3://company/other", from_airflow_variable=False, environment=named)


@pytest.mark.unit
def test_the_command_line_accepts_no_other_lake_from_a_variable_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (VARIABLE_IN_ENVIRONMENT, "MIXPANEL_AEP_LAKE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "production")
    airflow: Any = SimpleNamespace(is_configured=True, lake="s3://mine/lake")
    with pytest.raises(ConfigError, match="not allowed in this deployment"):
        find_lake(PIPELINES["shop"], None, airflow)
    monkeypatch.setenv(LAKES_VARIABLE, "s3://mine")
    assert find_lake(PIPELINES["shop"], None, airflow).url == "s3://mine/lake"
    with pytest.raises(ConfigError, match="not allowed in this deployment"):
        find_lake(PIPELINES["shop"], "s3://other", airflow)
    with pytest.raises(ConfigError, match="not allowed in this deployment"):
        find_lake(PIPELINES["shop"].model_copy(update={"lake": "s3://other"}), None, airflow)


ADDRESSES: list[Callable[[int], str]] = [
    lambda port: "", lambda port: "http://127.0.0.1:8765", lambda port: f"http://localhost:{port}",
    lambda port: f"http://127.0.0.2:{port}", lambda port: f"127.0.0.1:{port}", lambda port: f"http://127.0.0.1:{port}0",
    lambda port: "*", lambda port: "http://*:*", lambda port: f"https://127.0.0.1:{port}",
]  # fmt: skip


@pytest.mark.unit
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("number", range(len(ADDRESSES)))
def test_a_port_outside_the_allowed_sandboxes_receives_nothing(
    service: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SANDBOXES_VARIABLE, ADDRESSES[number](8123))
    with pytest.raises(ConfigError, match="a sandbox that this deployment does not allow; no data was sent"):
        SERVICES[service](host="127.0.0.1", port=8123, extra={"sandbox": True})


@pytest.mark.unit
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "allowed", ["http://127.0.0.1:8123", "http://[::1]:1, http://127.0.0.1:8123/", "http://127.0.0.1:*"]
)
def test_an_allowed_sandbox_is_used(service: str, allowed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SANDBOXES_VARIABLE, allowed)
    assert (
        SERVICES[service](host="127.0.0.1", port=8123, extra={"sandbox": True}).sandbox_url
        == "http://127.0.0.1:8123"
    )


@pytest.mark.unit
@pytest.mark.parametrize("service", SERVICES)
def test_without_a_list_development_may_use_any_sandbox_of_this_machine(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SANDBOXES_VARIABLE, raising=False)
    assert SERVICES[service](host="127.0.0.1", port=8123, extra={"sandbox": True}).sandbox_url


@pytest.mark.unit
def test_the_list_has_no_effect_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SANDBOXES_VARIABLE, "http://127.0.0.1:*")
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "production")
    with pytest.raises(ConfigError, match="this deployment as production"):
        SERVICES["aep"](host="127.0.0.1", port=8123, extra={"sandbox": True})


@pytest.mark.sandbox
def test_a_changed_port_does_not_send_the_stored_secret_to_a_listener(
    listener: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the Test button and every task read a connection whose port a form has changed."""
    from include.aep.client import AepClient

    port, heard = listener
    monkeypatch.setenv(SANDBOXES_VARIABLE, "http://127.0.0.1:8765")
    extra = json.loads('{"org_id": "X@AdobeOrg", "aep_sandbox": "prod", "sandbox": true}')
    with pytest.raises(ConfigError, match="does not allow"):
        AepClient(
            AepSettings.from_connection(
                conn_id="aep_default",
                login="a",
                password="stored-secret",
                host="127.0.0.1",
                port=port,
                extra=extra,
            )
        ).registry.tenant_id()
    assert heard == []
