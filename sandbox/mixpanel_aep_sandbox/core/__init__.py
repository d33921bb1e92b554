"""Parts that all services share: server, state, clock, store, transcript, guards, and the common control plane."""
