"""Converters: from JSON values to the Arrow types of XDM fields, exactly or to null."""
