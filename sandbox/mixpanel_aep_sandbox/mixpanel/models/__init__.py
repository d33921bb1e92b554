"""The data of a Mixpanel project: accounts, events, profiles, and other documents."""
