"""The keys and their values."""
