"""The control API of the AEP services: readable rows, planned outcomes of batches, settings."""
