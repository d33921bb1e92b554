"""Processing of completed batches in a background thread."""
