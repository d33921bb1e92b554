"""One store interface over local folders, S3, GCS and Azure."""
