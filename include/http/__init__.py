"""HTTP access shared by all service clients: sending, retrying, refusing redirects, and reporting errors."""
