"""The object store that keeps every step's output, its manifests, and the ledger of each day."""
