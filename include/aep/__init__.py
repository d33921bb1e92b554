"""Adobe Experience Platform (AEP): settings, requests, batches, datasets and the meaning of batch statuses."""
