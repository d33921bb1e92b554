"""What the Schema Registry refuses."""
