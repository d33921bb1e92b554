"""The data of the board (the pages in Airflow that show the state of every day), read from small files in the lake."""
