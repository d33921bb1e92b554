"""What happens to a completed batch, in the background."""
