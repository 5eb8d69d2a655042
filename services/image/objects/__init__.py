"""Frozen values that cross the rooms of the image service."""
