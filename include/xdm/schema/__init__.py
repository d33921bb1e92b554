"""XDM schemas: resolving, reading as a tree, and finding fields."""
