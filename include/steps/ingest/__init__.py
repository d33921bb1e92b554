"""The ingest step: load the staged files of a day into AEP as one batch."""
