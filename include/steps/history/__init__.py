"""What was loaded from one source into one target: the ledger of each day, and the ids of each load."""
