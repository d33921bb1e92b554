"""Read the history of a dataset: the ledger of each day, and the ``_id``s of each load."""
