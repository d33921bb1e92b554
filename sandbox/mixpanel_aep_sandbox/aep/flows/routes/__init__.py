"""Routes of the Flow Service: connections, dataflows and runs."""
