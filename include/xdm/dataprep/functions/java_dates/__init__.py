"""Parse and write dates by Java's date patterns (EP:data-prep/data-handling.md#format)."""
