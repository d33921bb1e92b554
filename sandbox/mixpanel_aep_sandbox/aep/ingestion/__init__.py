"""Batch ingestion: batches, their files, and the processing of their rows."""
