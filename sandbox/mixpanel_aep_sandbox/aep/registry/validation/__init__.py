"""Validation of the resources and descriptors that clients write to the Schema Registry."""
