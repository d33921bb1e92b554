"""Data quality: derives expectations from an XDM schema, checks rows with Great Expectations, renders the report."""
