"""What the database refuses: the domain turns it into an answer without knowing SQL."""

from sqlalchemy import exc

IntegrityError = exc.IntegrityError
"""A duplicate key, or a row that something still refers to (or that does not exist)."""
