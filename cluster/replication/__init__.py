"""Replication's decisions, without its sockets."""
