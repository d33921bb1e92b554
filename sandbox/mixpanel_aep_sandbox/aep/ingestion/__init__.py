"""Batch ingestion: batches, their files, and what becomes of their rows."""
