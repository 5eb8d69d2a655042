"""Block storage (stands in for Cinder)."""
