"""Speed, as a ratio to redis-server."""
