"""Hooks build clients, test connections in one sentence and mask secrets."""

from __future__ import annotations

import pytest

from include.clock import SYSTEM_CLOCK
from mixpanel_aep import hooks
from mixpanel_aep.hooks.aep import AepHook
from mixpanel_aep.hooks.mixpanel import MixpanelHook
from tests.airflow.connections import connection_variables

pytestmark = pytest.mark.airflow


def test_the_connection_tests_answer_in_one_sentence(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ok, sentence = MixpanelHook("mixpanel_adobe_tutorial").test_connection()
    assert ok
    assert "America/Los_Angeles" in sentence
    ok, sentence = AepHook("aep_default").test_connection()
    assert ok
    assert "'prod'" in sentence
    monkeypatch.setenv(
        "AIRFLOW_CONN_AEP_DEFAULT",
        connection_variables(url)["AIRFLOW_CONN_AEP_DEFAULT"].replace("not-real", "wrong"),
    )
    ok, sentence = AepHook("aep_default").test_connection()
    assert not ok
    assert "wrong-0001" not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("hook", [MixpanelHook("mixpanel_shop"), AepHook("aep_default")])
def test_the_connection_tests_fail_fast_on_a_closed_port_and_name_it(
    hook: MixpanelHook | AepHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in connection_variables("http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)
    waits: list[float] = []
    monkeypatch.setitem(vars(SYSTEM_CLOCK), "sleep", waits.append)
    ok, sentence = hook.test_connection()
    assert not ok
    assert "(ConnectionError at 127.0.0.1:1)" in sentence
    assert len(waits) == 1


def test_every_secret_is_masked_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[str] = []
    monkeypatch.setattr(hooks.aep, "mask_secret", masked.append)
    monkeypatch.setattr(hooks.mixpanel, "mask_secret", masked.append)
    AepHook("aep_default").get_conn().registry.tenant_id()
    MixpanelHook("mixpanel_shop").settings()
    assert "demo-secret-not-real-0001" in masked
    assert "demo-secret-not-real-0000" in masked
    assert any(len(secret) > 20 and "demo" not in secret for secret in masked), "the bearer token"
