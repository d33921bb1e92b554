"""Data Access: files of batches, and the rows that were rejected."""
