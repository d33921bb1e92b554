"""The hook for Adobe Experience Platform (AEP)."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from include.aep.client import AepClient
from include.aep.settings import AepSettings
from include.errors import PipelineError
from include.http.request import INTERACTIVE
from mixpanel_aep.hooks.connection import failed_test_response, id_of_tested_connection, read_settings


class AepHook(BaseHook):
    """Creates an AEP client for one AEP sandbox, from a connection of type *Adobe Experience Platform*."""

    conn_name_attr = "aep_conn_id"
    default_conn_name = "aep_default"
    conn_type = "adobe_experience_platform"
    hook_name = "Adobe Experience Platform"

    def __init__(self, aep_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.aep_conn_id = aep_conn_id

    def settings(self) -> AepSettings:
        """Return the validated settings of the connection, and mask its secrets in later logs.

        Raises:
            PipelineError: the connection was not found, could not be read, or is invalid.
        """
        return read_settings(AepSettings, self.aep_conn_id, mask_secret)

    def get_conn(self) -> AepClient:
        """Return a client for the connection. Its access tokens are masked in logs as soon as they are received."""
        return AepClient(self.settings(), on_secret=mask_secret)

    def test_connection(self) -> tuple[bool, str]:
        """Test the connection for Airflow's Test button: request an access token, and use it with the AEP sandbox.

        Returns:
            Whether the test passed, and a sentence about the result.
        """
        name = id_of_tested_connection(self.aep_conn_id)
        try:
            settings = read_settings(AepSettings, self.aep_conn_id, mask_secret, name)
            client = AepClient(settings, on_secret=mask_secret, retry_policy=INTERACTIVE)
            tenant = client.registry.tenant_id()
        except PipelineError as error:
            return failed_test_response(name, error)
        return True, f"AEP accepts this credential for sandbox {settings.aep_sandbox!r} of tenant {tenant!r}."
