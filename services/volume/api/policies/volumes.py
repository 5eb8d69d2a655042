"""Policies of volumes, their metadata and their actions."""

from services.volume.api.policies.base import ADMIN, ADMIN_OR_MEMBER, ADMIN_OR_READER, MEMBER_OR_SERVICE, READER_OR_SERVICE, rules

_ACTIONS = "volume_extension:volume_actions"
_ADMIN_ACTIONS = "volume_extension:volume_admin_actions"
RULES = rules(
    {
        "volume:create": (ADMIN_OR_MEMBER, "Create volume."),
        "volume:create_from_image": (ADMIN_OR_MEMBER, "Create volume from image."),
        "volume:get": (READER_OR_SERVICE, "Show volume."),
        "volume:get_all": (READER_OR_SERVICE, "List volumes or get summary of volumes."),
        "volume:update": (ADMIN_OR_MEMBER, "Update volume or update a volume's bootable status."),
        "volume:delete": (ADMIN_OR_MEMBER, "Delete volume."),
        "volume:force_delete": (ADMIN, "Force delete a volume."),
        "volume:get_volume_metadata": (ADMIN_OR_READER, "Show volume's metadata or one specified metadata with a given key."),
        "volume:create_volume_metadata": (ADMIN_OR_MEMBER, "Create volume metadata."),
        "volume:update_volume_metadata": (ADMIN_OR_MEMBER, "Replace a volume's metadata or update a single item."),
        "volume:delete_volume_metadata": (ADMIN_OR_MEMBER, "Delete a volume's metadata."),
        "volume_extension:volume_image_metadata:show": (ADMIN_OR_READER, "List volumes' image metadata."),
        "volume_extension:volume_image_metadata:set": (ADMIN_OR_MEMBER, "Set image metadata for a volume."),
        "volume_extension:volume_image_metadata:remove": (ADMIN_OR_MEMBER, "Remove image metadata item from a volume."),
        "volume_extension:volume_host_attribute": (ADMIN, "Show the volume's host."),
        "volume_extension:volume_tenant_attribute": (ADMIN_OR_READER, "Show the volume's project."),
        "volume_extension:volume_mig_status_attribute": (ADMIN, "Show the volume's migration status."),
        "volume_extension:volume_encryption_metadata": (ADMIN_OR_READER, "Show a volume's encryption metadata."),
        "volume:extend": (ADMIN_OR_MEMBER, "Extend a volume."),
        "volume:extend_attached_volume": (ADMIN_OR_MEMBER, "Extend an attached volume."),
        "volume:revert_to_snapshot": (ADMIN_OR_MEMBER, "Revert a volume to a snapshot."),
        "volume:retype": (ADMIN_OR_MEMBER, "Retype a volume."),
        "volume:update_readonly_flag": (ADMIN_OR_MEMBER, "Update a volume's readonly flag."),
        "volume:reimage": (ADMIN_OR_MEMBER, "Reimage a volume in available or error status."),
        "volume:reimage_reserved": (ADMIN_OR_MEMBER, "Reimage a volume in reserved status."),
        f"{_ACTIONS}:upload_image": (ADMIN_OR_MEMBER, "Upload a volume to image."),
        f"{_ACTIONS}:upload_public": (ADMIN, "Upload a volume to a public image."),
        f"{_ACTIONS}:reserve": (MEMBER_OR_SERVICE, "Mark a volume as reserved."),
        f"{_ACTIONS}:unreserve": (MEMBER_OR_SERVICE, "Unmark a volume as reserved."),
        f"{_ACTIONS}:begin_detaching": (MEMBER_OR_SERVICE, "Begin to detach a volume."),
        f"{_ACTIONS}:roll_detaching": (MEMBER_OR_SERVICE, "Roll back a detach."),
        f"{_ACTIONS}:attach": (MEMBER_OR_SERVICE, "Add attachment metadata."),
        f"{_ACTIONS}:detach": (MEMBER_OR_SERVICE, "Clear attachment metadata."),
        f"{_ACTIONS}:initialize_connection": (MEMBER_OR_SERVICE, "Initialize volume attachment."),
        f"{_ACTIONS}:terminate_connection": (MEMBER_OR_SERVICE, "Terminate volume attachment."),
        f"{_ADMIN_ACTIONS}:reset_status": (ADMIN, "Reset status of a volume."),
        f"{_ADMIN_ACTIONS}:force_delete": (ADMIN, "Force delete a volume."),
        f"{_ADMIN_ACTIONS}:migrate_volume_completion": (ADMIN, "Complete a volume migration."),
        f"{_ADMIN_ACTIONS}:force_detach": (ADMIN, "Force detach a volume."),
    }
)
