"""Policies of quotas and limits."""

from services.volume.api.policies.base import ADMIN, ADMIN_OR_READER, rules

RULES = rules(
    {
        "volume_extension:quotas:show": (ADMIN_OR_READER, "Show project quota (including usage and default)."),
        "volume_extension:quotas:update": (ADMIN, "Update project quota."),
        "volume_extension:quotas:delete": (ADMIN, "Delete project quota."),
        "volume_extension:quota_classes:get": (ADMIN, "Show project quota class."),
        "volume_extension:quota_classes:update": (ADMIN, "Update project quota class."),
        "limits_extension:used_limits": (ADMIN_OR_READER, "Show limits with used limit attributes."),
    }
)
