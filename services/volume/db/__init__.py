"""The schema of the volume service and its queries: the only place with SQL."""
