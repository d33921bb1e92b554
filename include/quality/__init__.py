"""Expectations that follow from an XDM schema, and the report on a day."""
