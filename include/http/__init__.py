"""How this project speaks HTTP: one way to send, to retry, to refuse redirects and to say what went wrong."""
