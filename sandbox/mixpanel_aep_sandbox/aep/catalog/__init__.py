"""Catalog Service: datasets, their views and files, and batches."""
