"""The board: pages of Airflow's API server that show the state of every day. The pages only read."""
