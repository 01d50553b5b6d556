"""The cluster state machine; cluster.core.core is its only door."""
