"""Data Hygiene: expirations of datasets."""
