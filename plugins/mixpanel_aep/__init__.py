"""The parts of mixpanel-aep that need Airflow: hooks, operators, triggers, the timetable and the UI's parts."""

from include.environment import is_production

# An unknown value of MIXPANEL_AEP_ENV ends every process of Airflow at its start. If it was read later, runs that need
# no connection would continue, and the others would fail individually.
is_production()
