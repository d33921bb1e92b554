"""What the services of AEP share: gateway, requests, errors, settings, filters, and the documents of an AEP sandbox."""
