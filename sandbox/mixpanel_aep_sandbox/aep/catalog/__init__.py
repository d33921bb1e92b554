"""Catalog: datasets, their views and files, and lists of batches."""
