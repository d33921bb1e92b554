"""The app that Airflow's API server mounts: the report pages and the board.

The plugin file is loaded more than once, under several names; this module is loaded once.
"""

from __future__ import annotations

from mixpanel_aep.board.routes import router
from mixpanel_aep.reports import app

__all__ = ["app"]
app.include_router(router)
