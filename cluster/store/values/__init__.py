"""A file for each type of value."""
