"""Processing of completed batches, in the background."""
