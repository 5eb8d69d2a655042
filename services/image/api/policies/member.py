"""Rules of image members."""

from common.http.policy import rule
from services.image.api.policies.image import ADMIN, ADMIN_OR_MEMBER

_READ = f"{ADMIN} or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))"

RULES = [
    rule("add_member", ADMIN_OR_MEMBER, "Share an image."),
    rule("delete_member", ADMIN_OR_MEMBER, "End a sharing."),
    rule("get_member", _READ, "Show a membership."),
    rule("get_members", _READ, "List memberships."),
    rule("modify_member", f"{ADMIN} or (role:member and project_id:%(member_id)s)", "Accept or reject an image."),
]
