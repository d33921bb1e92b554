"""What a Mixpanel project has: accounts, events, profiles, and other documents."""
