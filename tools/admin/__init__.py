"""Verbs that look after a running cluster."""
