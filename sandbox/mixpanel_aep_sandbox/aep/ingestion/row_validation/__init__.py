"""Readers of rows in JSON, Parquet and CSV files, and their validation against the dataset's schema."""
