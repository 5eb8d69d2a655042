"""Wiring of the daemons, one file each."""
