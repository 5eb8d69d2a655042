"""Sagas of volumes and snapshots, and what agents ask."""
