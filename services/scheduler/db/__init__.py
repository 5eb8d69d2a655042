"""The schema of the scheduler service: the only place with its SQL."""
