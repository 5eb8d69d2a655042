"""Frozen values that cross the rooms of the volume service."""
