"""Mixpanel's raw event export: the client, the checks for a complete response, stored files, and event times."""
