"""Parts that all services share: server, state, clock, store, request log, access checks and common control routes."""
