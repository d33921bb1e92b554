"""Real-Time Customer Profile: only the decision which events of a dataset Profile accepts."""
