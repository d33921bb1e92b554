"""Routes that control the projects of the Mixpanel sandbox."""
