"""Validation of the Schema Registry's resources."""
