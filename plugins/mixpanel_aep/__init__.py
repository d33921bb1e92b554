"""Everything of mixpanel-aep that needs Airflow: hooks, operators, triggers, the timetable and the UI's parts."""

from include.environment import is_production

# An unknown value of MIXPANEL_AEP_ENV ends every process of Airflow when it starts: read later, it would let those run
# that need no connection, and the others fail one by one.
is_production()
