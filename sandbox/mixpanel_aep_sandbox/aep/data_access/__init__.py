"""Data Access API: lists and downloads the files of batches, their rejected rows and their error diagnostics."""
