"""The control plane of AEP: active rows, planned outcomes, settings."""
