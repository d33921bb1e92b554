"""Real-Time Customer Profile. Only one aspect is simulated: which events of a dataset Profile accepts."""
