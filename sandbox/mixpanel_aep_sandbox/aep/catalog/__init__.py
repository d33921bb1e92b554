"""Catalog: datasets, their views and files, and batches as it lists them."""
