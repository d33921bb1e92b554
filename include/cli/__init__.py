"""The program ``mixpanel-aep``: all operations on a pipeline as commands; Airflow is not needed."""
