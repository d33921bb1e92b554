"""Routes of the Schema Registry."""
