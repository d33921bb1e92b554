"""Routes of Data Prep: mapping sets, expressions, validation, and mapped batches."""
