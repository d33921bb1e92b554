"""The hook for Adobe Experience Platform, one AEP sandbox."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from include.aep.client import AepClient
from include.aep.settings import AepSettings
from include.errors import PipelineError
from include.http.request import INTERACTIVE
from mixpanel_aep.hooks.connection import failed_test, read_settings, tested_connection


class AepHook(BaseHook):
    """Builds an AEP client from a connection of type *Adobe Experience Platform*."""

    conn_name_attr = "aep_conn_id"
    default_conn_name = "aep_default"
    conn_type = "adobe_experience_platform"
    hook_name = "Adobe Experience Platform"

    def __init__(self, aep_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.aep_conn_id = aep_conn_id

    def settings(self) -> AepSettings:
        """Return the connection's settings, checked, with masked secrets."""
        return read_settings(AepSettings, self.aep_conn_id, mask_secret)

    def get_conn(self) -> AepClient:
        """Return a client whose bearer tokens are masked in logs as soon as they exist."""
        return AepClient(self.settings(), on_secret=mask_secret)

    def test_connection(self) -> tuple[bool, str]:
        """Test the connection for the Test button: Adobe issues a token, and the AEP sandbox accepts it."""
        name = tested_connection(self.aep_conn_id)
        try:
            settings = read_settings(AepSettings, self.aep_conn_id, mask_secret, name)
            client = AepClient(settings, on_secret=mask_secret, retry_policy=INTERACTIVE)
            tenant = client.registry.tenant_id()
        except PipelineError as error:
            return failed_test(name, error)
        return True, f"AEP accepts this credential for sandbox {settings.aep_sandbox!r} of tenant {tenant!r}."
