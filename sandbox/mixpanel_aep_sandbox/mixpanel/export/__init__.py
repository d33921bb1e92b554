"""The raw event export, and the log of what it returned."""
