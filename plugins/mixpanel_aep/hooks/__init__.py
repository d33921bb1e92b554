"""Hooks: create the clients of include/ from Airflow connections."""
