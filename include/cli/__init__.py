"""The command line: every operation on a pipeline, without Airflow."""
