"""The Mixpanel source: its client, rows and time zones."""
