"""Batch ingestion: batches and their files; ``validation`` checks requests, ``row_validation`` the rows of files."""
