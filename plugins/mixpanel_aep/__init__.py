"""Everything of mixpanel-aep that needs Airflow: hooks, operators, triggers, the timetable and the UI's parts."""
