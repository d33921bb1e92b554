"""The lake: the object store with the output files and manifests of all steps, and the ledger of each day."""
