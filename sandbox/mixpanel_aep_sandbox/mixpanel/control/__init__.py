"""The control plane of the Mixpanel stand-in: tests create projects, accounts, events and documents with it."""
