"""Conversion of JSON values to the Arrow types of XDM fields; a value that cannot be converted exactly is null."""
