"""Compares the lake with AEP: every day accounted for, and no orphaned batches."""
