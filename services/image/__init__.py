"""Images and their bytes (stands in for Glance)."""
