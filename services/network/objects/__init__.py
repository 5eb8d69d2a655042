"""Frozen dataclasses that cross the rooms of the network service."""
