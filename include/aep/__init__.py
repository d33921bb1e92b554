"""Adobe Experience Platform: settings, requests, batches, datasets and what its statuses mean."""
