"""The hook for Mixpanel, one project."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from include.errors import PipelineError
from include.http.request import INTERACTIVE
from include.lake.lake import Lake
from include.mixpanel.client import MixpanelClient
from include.mixpanel.export_budget import ExportBudget
from include.mixpanel.settings import MixpanelSettings
from mixpanel_aep.hooks.connection import failed_test, read_settings, tested_connection


class MixpanelHook(BaseHook):
    """Builds a Mixpanel client from a connection of type *Mixpanel*."""

    conn_name_attr = "mixpanel_conn_id"
    default_conn_name = "mixpanel_default"
    conn_type = "mixpanel"
    hook_name = "Mixpanel"

    def __init__(self, mixpanel_conn_id: str = default_conn_name, lake: Lake | None = None) -> None:
        super().__init__()
        self.mixpanel_conn_id = mixpanel_conn_id
        self.lake = lake

    def settings(self) -> MixpanelSettings:
        """Return the connection's settings, checked, with masked secrets."""
        return read_settings(MixpanelSettings, self.mixpanel_conn_id, mask_secret)

    def get_conn(self) -> MixpanelClient:
        """Return a client; with a lake, all tasks together keep to the project's budget of 60 exports an hour."""
        settings = self.settings()
        budget = ExportBudget(self.lake, settings.project_id) if self.lake else None
        return MixpanelClient(settings, budget=budget)

    def test_connection(self) -> tuple[bool, str]:
        """Test the connection for the Test button: the account can see the project; also report the project's time zone."""
        name = tested_connection(self.mixpanel_conn_id)
        try:
            settings = read_settings(MixpanelSettings, self.mixpanel_conn_id, mask_secret, name)
            return _sentence(MixpanelClient(settings, retry_policy=INTERACTIVE), name)
        except PipelineError as error:
            return failed_test(name, error)


def _sentence(client: MixpanelClient, name: str) -> tuple[bool, str]:
    me = client.me()
    if not me.project_visible:
        return (
            False,
            f"Mixpanel accepts the account of connection {name}, but the account cannot see this project id in "
            "this region.",
        )
    return (
        True,
        f"Mixpanel lets this account read project {me.project_name!r}; its time zone is {me.timezone}.",
    )
