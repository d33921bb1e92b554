"""HTTP routes of the Flow Service: connections, source and target connections, dataflows and runs."""
