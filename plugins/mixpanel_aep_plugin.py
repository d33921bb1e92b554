"""The one file that Airflow's plugin loader reads."""

from __future__ import annotations

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from mixpanel_aep.links import BatchLink, ReportLink
from mixpanel_aep.reports import app
from mixpanel_aep.timetable import DailyPartitionTimetable


class MixpanelAepPlugin(AirflowPlugin):
    """Registers the timetable, the links and the report pages."""

    name = "mixpanel_aep"
    timetables: ClassVar = [DailyPartitionTimetable]
    operator_extra_links: ClassVar = [BatchLink(), ReportLink()]
    fastapi_apps: ClassVar = [{"app": app, "url_prefix": "/mixpanel-aep", "name": "mixpanel-aep"}]
