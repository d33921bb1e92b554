"""The stores behind a lake: one interface to local folders, S3, GCS and Azure."""
