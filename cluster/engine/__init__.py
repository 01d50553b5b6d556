"""One request in, one reply out."""
