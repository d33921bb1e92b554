"""The validate step: check the rows of a day against the schema, and write invalid rows to quarantine."""
