"""Selects the rows that are not active in AEP and writes the files to upload."""
