"""The schema of identity and every statement on it."""
