"""Policies of daemons, hosts, pools, zones, messages and what the API tells about itself."""

from services.volume.api.policies.base import ADMIN, ADMIN_OR_MEMBER, ADMIN_OR_READER, rules

RULES = rules(
    {
        "volume_extension:services:index": (ADMIN, "List all services."),
        "volume_extension:services:update": (ADMIN, "Update service."),
        "volume_extension:hosts": (ADMIN, "List, update or show hosts for a project."),
        "scheduler_extension:scheduler_stats:get_pools": (ADMIN, "List all backend pools."),
        "volume_extension:capabilities": (ADMIN, "Show a backend's capabilities."),
        "message:get_all": (ADMIN_OR_READER, "List messages."),
        "message:get": (ADMIN_OR_READER, "Show message."),
        "message:delete": (ADMIN_OR_MEMBER, "Delete message."),
    }
)
