"""Real-Time Customer Profile, as far as it counts what it would take of a dataset."""
