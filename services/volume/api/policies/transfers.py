"""Policies of transfers."""

from services.volume.api.policies.base import ADMIN_OR_MEMBER, ADMIN_OR_READER, rules

RULES = rules(
    {
        "volume:get_all_transfers": (ADMIN_OR_READER, "List volume transfer."),
        "volume:create_transfer": (ADMIN_OR_MEMBER, "Create a volume transfer."),
        "volume:get_transfer": (ADMIN_OR_READER, "Show one specified volume transfer."),
        "volume:accept_transfer": (ADMIN_OR_MEMBER, "Accept a volume transfer."),
        "volume:delete_transfer": (ADMIN_OR_MEMBER, "Delete volume transfer."),
    }
)
