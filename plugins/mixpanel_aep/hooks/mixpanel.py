"""The hook for Mixpanel."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from include.errors import PipelineError
from include.http.request import INTERACTIVE
from include.lake.lake import Lake
from include.mixpanel.client import MixpanelClient
from include.mixpanel.export_budget import ExportBudget
from include.mixpanel.settings import MixpanelSettings
from mixpanel_aep.hooks.connection import failed_test_response, id_of_tested_connection, read_settings


class MixpanelHook(BaseHook):
    """Creates a Mixpanel client for one project, from a connection of type *Mixpanel*.

    Args:
        mixpanel_conn_id: the id of the connection.
        lake: the lake in which the project's exports are counted, so that all tasks together stay below Mixpanel's
            limit; None: the client does not count its exports.
    """

    conn_name_attr = "mixpanel_conn_id"
    default_conn_name = "mixpanel_default"
    conn_type = "mixpanel"
    hook_name = "Mixpanel"

    def __init__(self, mixpanel_conn_id: str = default_conn_name, lake: Lake | None = None) -> None:
        super().__init__()
        self.mixpanel_conn_id = mixpanel_conn_id
        self.lake = lake

    def settings(self) -> MixpanelSettings:
        """Return the validated settings of the connection, and mask its secrets in later logs.

        Raises:
            PipelineError: the connection was not found, could not be read, or is invalid.
        """
        return read_settings(MixpanelSettings, self.mixpanel_conn_id, mask_secret)

    def get_conn(self) -> MixpanelClient:
        """Return a client for the connection. With a lake, all tasks together make at most 60 exports per hour."""
        settings = self.settings()
        budget = ExportBudget(self.lake, settings.project_id) if self.lake else None
        return MixpanelClient(settings, budget=budget)

    def test_connection(self) -> tuple[bool, str]:
        """Test the connection for Airflow's Test button: check that the account can read the project.

        Returns:
            Whether the test passed, and a sentence with the project's name and time zone or with the reason.
        """
        name = id_of_tested_connection(self.mixpanel_conn_id)
        try:
            settings = read_settings(MixpanelSettings, self.mixpanel_conn_id, mask_secret, name)
            return _test_account(MixpanelClient(settings, retry_policy=INTERACTIVE), name)
        except PipelineError as error:
            return failed_test_response(name, error)


def _test_account(client: MixpanelClient, name: str) -> tuple[bool, str]:
    """Return whether the account of a connection can read the project, and a sentence about it.

    Args:
        client: a client with the settings of the connection.
        name: the id of the connection, for the sentence.
    """
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
