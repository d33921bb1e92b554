"""The stored data of Mixpanel projects: projects, accounts, events, mutation rules, profiles and other documents."""
