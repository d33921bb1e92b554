"""Java's date patterns (EP:data-prep/data-handling.md#format)."""
