"""Sends alerts through Airflow's notifiers: callbacks of tasks and DAGs, the deadline of a day, a webhook."""
