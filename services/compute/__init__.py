"""Servers and all that belongs to them (stands in for Nova)."""
