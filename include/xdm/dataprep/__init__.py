"""AEP's Data Prep expression language, compiled to DuckDB."""
