"""Bytes to values and back: nothing here knows of clusters, clients or clocks."""
