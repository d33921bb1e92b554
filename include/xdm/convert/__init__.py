"""Converters from JSON values to the Arrow types of XDM fields, exact or null."""
