"""Routes of the control plane under ``/_sandbox/mixpanel``."""
