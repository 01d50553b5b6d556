"""A client's state."""
