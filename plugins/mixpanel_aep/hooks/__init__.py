"""Airflow hooks, which create the clients of Mixpanel and AEP from Airflow connections."""
