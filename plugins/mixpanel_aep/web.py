"""The FastAPI app that Airflow's API server mounts: the report pages and the board.

Airflow loads the plugin file more than once, under several names, but it loads this module only once.
"""

from __future__ import annotations

from mixpanel_aep.board.routes import router
from mixpanel_aep.reports import app

__all__ = ["app"]
app.include_router(router)
