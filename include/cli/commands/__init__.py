"""The commands of ``mixpanel-aep``, one module per command."""
