"""Alembic's way into the schema of the compute service."""

from common.db.migrations import run_env

run_env("services.compute.db.models")
