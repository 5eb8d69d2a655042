"""Policies of snapshots and their metadata."""

from services.volume.api.policies.base import ADMIN, ADMIN_OR_MEMBER, ADMIN_OR_READER, rules

RULES = rules(
    {
        "volume:get_all_snapshots": (ADMIN_OR_READER, "List snapshots."),
        "volume:create_snapshot": (ADMIN_OR_MEMBER, "Create snapshot."),
        "volume:get_snapshot": (ADMIN_OR_READER, "Show snapshot."),
        "volume:update_snapshot": (ADMIN_OR_MEMBER, "Update snapshot."),
        "volume:delete_snapshot": (ADMIN_OR_MEMBER, "Delete snapshot."),
        "volume:get_snapshot_metadata": (ADMIN_OR_READER, "Show snapshot's metadata."),
        "volume:update_snapshot_metadata": (ADMIN_OR_MEMBER, "Update snapshot's metadata."),
        "volume:delete_snapshot_metadata": (ADMIN_OR_MEMBER, "Delete snapshot's metadata."),
        "volume_extension:extended_snapshot_attributes": (ADMIN_OR_READER, "Show project and progress of snapshots."),
        "volume_extension:snapshot_admin_actions:reset_status": (ADMIN, "Reset status of a snapshot."),
        "volume_extension:snapshot_admin_actions:force_delete": (ADMIN, "Force delete a snapshot."),
        "snapshot_extension:snapshot_actions:update_snapshot_status": (ADMIN_OR_MEMBER, "Update database fields of snapshot."),
    }
)
