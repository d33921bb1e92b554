"""The control plane of Mixpanel: projects, accounts, events, documents."""
