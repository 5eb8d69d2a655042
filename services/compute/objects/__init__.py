"""Frozen dataclasses that cross rooms and processes: what a server should be, and what it is."""
