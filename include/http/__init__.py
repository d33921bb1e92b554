"""The HTTP client on which the clients of all services are based: retries, errors, timeouts, and checked addresses."""
