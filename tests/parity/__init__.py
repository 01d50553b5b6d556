"""Starling and a real redis-server, given the same commands, must reply with the same bytes."""
