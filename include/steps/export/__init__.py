"""Exports one day from Mixpanel into the lake, as received."""
