"""Real-Time Customer Profile, as far as it counts the accepted events of a dataset."""
