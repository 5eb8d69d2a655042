"""Rules of images, their data, tags, actions and locations."""

from common.http.policy import rule

ADMIN = "rule:context_is_admin"
OWN_READER = "(role:reader and project_id:%(project_id)s)"
OWN_MEMBER = "(role:member and project_id:%(project_id)s)"
_SEEN = ("(project_id:%(project_id)s or project_id:%(member_id)s or 'community':%(visibility)s or 'public':%(visibility)s)")
ADMIN_OR_READER = f"{ADMIN} or {OWN_READER}"
ADMIN_OR_MEMBER = f"{ADMIN} or {OWN_MEMBER}"
ADMIN_OR_SERVICE = f"{ADMIN} or role:service or service_roles:service"

RULES = [
    rule("add_image", f"{ADMIN} or (role:member and project_id:%(project_id)s and project_id:%(owner)s)", "Create an image."),
    rule("delete_image", ADMIN_OR_MEMBER, "Delete an image."),
    rule("get_image", f"{ADMIN} or (role:reader and {_SEEN})", "Show an image."),
    rule("get_images", ADMIN_OR_READER, "List images."),
    rule("modify_image", ADMIN_OR_MEMBER, "Change an image."),
    rule("publicize_image", ADMIN, "Make an image public."),
    rule("communitize_image", ADMIN_OR_MEMBER, "Make an image a community image."),
    rule("download_image", f"{ADMIN} or (role:member and {_SEEN})", "Read an image's data."),
    rule("upload_image", ADMIN_OR_MEMBER, "Write an image's data."),
    rule("delete_image_location", ADMIN, "Take away a location of an image."),
    rule("get_image_location", f"{ADMIN} or (role:reader and {_SEEN})", "See the locations of an image."),
    rule("set_image_location", ADMIN_OR_MEMBER, "Set a location of an image."),
    rule("add_image_location", ADMIN_OR_MEMBER, "Add a location through the locations API."),
    rule("fetch_image_location", ADMIN_OR_SERVICE, "Read locations through the locations API."),
    rule("deactivate", ADMIN_OR_MEMBER, "Deactivate an image."),
    rule("reactivate", ADMIN_OR_MEMBER, "Reactivate an image."),
    rule("copy_image", ADMIN, "Copy an image of another project to further stores."),
    rule("copy_from", ADMIN, "Let a task copy from a URL."),
]
