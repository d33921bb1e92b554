"""Compare the lake with AEP: account for every day, refresh the last days, and abort orphaned batches."""
