"""Runs the scheduler's migrations."""

from common.db.migrations import run_env

run_env("services.scheduler.db.models")
