"""The expression language of AEP's Data Prep, compiled to SQL for DuckDB."""
