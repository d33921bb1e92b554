"""The pipeline file and everything that is derived from it alone."""
