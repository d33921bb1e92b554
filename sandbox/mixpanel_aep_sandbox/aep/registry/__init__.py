"""Schema Registry: schemas, classes, field groups, data types, descriptors and unions."""
