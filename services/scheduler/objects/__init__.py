"""Frozen values that cross the rooms of the scheduler service."""
