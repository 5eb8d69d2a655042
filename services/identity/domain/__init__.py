"""What may be done with users, projects, roles and tokens."""
