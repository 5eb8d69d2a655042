"""Runs the volume service's migrations."""

from common.db.migrations import run_env

run_env("services.volume.db.models")
