"""The image service's schema: the only place with SQL."""
