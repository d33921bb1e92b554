"""Data Hygiene API: expirations, by which datasets are deleted at a planned time."""
