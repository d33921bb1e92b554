"""The raw event export, and a log of the exact lines that exports returned."""
