"""Airflow operators: a class for each task of this project's DAGs."""
