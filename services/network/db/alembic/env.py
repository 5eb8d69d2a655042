"""Runs the network service's migrations."""

from common.db.migrations import run_env

run_env("services.network.db.models")
