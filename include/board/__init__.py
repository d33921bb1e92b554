"""The data of the board, the pages in Airflow that show the state of each day, from small files in the lake."""
