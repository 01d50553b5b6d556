"""Starling's own frames on the bus port."""
