"""What alembic runs for this schema."""

from common.db.migrations import run_env

run_env("services.image.db.models")
