"""Sends alerts through Airflow's notifiers, from callbacks of tasks and DAGs and from the deadline of a day."""
