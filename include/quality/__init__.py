"""Check data quality: derive expectations from an XDM schema, check rows with Great Expectations, render the report."""
