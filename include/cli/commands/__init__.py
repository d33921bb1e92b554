"""The commands of ``mixpanel-aep``: one module for each command or group of commands."""
