"""The client of Adobe Experience Platform (AEP): connection settings, HTTP requests, batches, datasets and schemas."""
