"""The five steps, in order: export, transform, validate, stage, ingest. One function each, the step's story."""
