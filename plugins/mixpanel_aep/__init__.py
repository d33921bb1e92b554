"""The part of mixpanel-aep that needs Airflow: hooks, operators, triggers, the timetable, alerts and the board."""

from include.environment import is_production

# An unknown value of MIXPANEL_AEP_ENV ends every Airflow process at its start. If the variable were read later, some
# tasks would fail individually, and the others would continue.
is_production()
