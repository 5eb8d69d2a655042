"""The network service's schema and every SQL statement of it."""
