"""Reads rows of JSON, Parquet and CSV files, and checks them against the dataset's schema."""
