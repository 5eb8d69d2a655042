"""Runs identity's revisions."""

from common.db.migrations import run_env

run_env("services.identity.db.models")
