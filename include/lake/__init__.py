"""The lake: the object store with the outputs and manifests of all steps, the ledger of each day, and shared state."""
