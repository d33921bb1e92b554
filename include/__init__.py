"""Everything of mixpanel-aep that runs without Airflow."""
