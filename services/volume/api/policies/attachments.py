"""Policies of attachments."""

from services.volume.api.policies.base import MEMBER_OR_SERVICE, READER_OR_SERVICE, rules

RULES = rules(
    {
        "volume:attachment_create": (MEMBER_OR_SERVICE, "Create attachment."),
        "volume:attachment_update": (MEMBER_OR_SERVICE, "Update attachment."),
        "volume:attachment_delete": (MEMBER_OR_SERVICE, "Delete attachment."),
        "volume:attachment_complete": (MEMBER_OR_SERVICE, "Mark a volume attachment process as completed (in-use)."),
        "volume:attachment_get": (READER_OR_SERVICE, "Show an attachment."),
        "volume:attachment_get_all": (READER_OR_SERVICE, "List attachments."),
        "volume:multiattach_bootable_volume": (MEMBER_OR_SERVICE, "Attach a bootable volume several times."),
    }
)
