"""Airflow triggers, which poll AEP while a task is deferred, and write nothing."""
