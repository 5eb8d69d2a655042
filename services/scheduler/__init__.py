"""Where things may run: Placement and the daemon that chooses hosts (stands in for Placement and nova-scheduler)."""
