"""Policies of backups."""

from services.volume.api.policies.base import ADMIN_OR_READER, rules

RULES = rules({
    "backup:get_all": (ADMIN_OR_READER, "List backups."),
    "backup:get": (ADMIN_OR_READER, "Show backup."),
})
