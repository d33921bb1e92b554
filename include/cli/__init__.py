"""The program ``mixpanel-aep``: all operations on a pipeline as commands, which need no Airflow."""
