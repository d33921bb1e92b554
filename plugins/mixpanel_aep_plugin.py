"""Registers mixpanel-aep with Airflow's plugin loader, which reads this file."""

from __future__ import annotations

from types import ModuleType
from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from mixpanel_aep import pools
from mixpanel_aep.alerts.deadline import SettledDay
from mixpanel_aep.links import BatchLink, DayRunLink, ReportLink
from mixpanel_aep.timetable import DailyPartitionTimetable
from mixpanel_aep.web import app

_VIEWS = {
    "nav": "mixpanel-aep/board",
    "dag": "mixpanel-aep/board/dag/{DAG_ID}",
    "dag_run": "mixpanel-aep/board/run/{DAG_ID}?run_id={RUN_ID}",
}


class MixpanelAepPlugin(AirflowPlugin):
    """Registers what mixpanel-aep adds to Airflow.

    These are the timetable, the deadline of a day, the links of tasks, the board and the report pages, the line about
    failed days on the home page, and the listener that adds missing pools.
    """

    name = "mixpanel_aep"
    timetables: ClassVar = [DailyPartitionTimetable]
    deadline_references: ClassVar = [SettledDay]
    listeners: ClassVar[list[ModuleType]] = [pools]
    operator_extra_links: ClassVar = [BatchLink(), DayRunLink(), ReportLink()]
    external_views: ClassVar = [
        {
            "name": "Board",
            "href": href,
            "destination": place,
            "url_route": f"mixpanel-aep-{place.replace('_', '-')}",
        }
        for place, href in _VIEWS.items()
    ]
    react_apps: ClassVar = [
        {
            "name": "MixpanelAepHome",
            "bundle_url": "mixpanel-aep/board/static/home.js",
            "destination": "dashboard",
            "url_route": "mixpanel-aep-home",
        }
    ]
    fastapi_apps: ClassVar = [{"app": app, "url_prefix": "/mixpanel-aep", "name": "mixpanel-aep"}]
