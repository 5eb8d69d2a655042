"""The schema of the compute service and every SQL statement of it."""
