"""HTTP routes of the Schema Registry: descriptors, and all other kinds of resources."""
