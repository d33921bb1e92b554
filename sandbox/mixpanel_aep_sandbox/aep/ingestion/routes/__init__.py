"""Routes of batch ingestion: batches, uploads, previews."""
