"""The board: pages of Airflow's API server that show what became of every day. They only read."""
