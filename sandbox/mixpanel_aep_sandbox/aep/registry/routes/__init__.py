"""HTTP routes of the Schema Registry."""
