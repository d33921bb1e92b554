"""The command line: everything that a person does with a pipeline, without Airflow."""
