"""The simulated World."""
