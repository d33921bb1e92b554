"""The board: pages in Airflow's API server that show the state of every day of every pipeline. They write nothing."""
