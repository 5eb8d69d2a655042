"""Rules of metadata definitions."""

from common.http.policy import rule
from services.image.api.policies.image import ADMIN, ADMIN_OR_READER

_READ = f"{ADMIN} or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))"
_READS = ("get_metadef_namespace", "list_metadef_resource_types", "get_metadef_resource_type", "get_metadef_object",
          "get_metadef_objects", "get_metadef_property", "get_metadef_properties", "get_metadef_tag", "get_metadef_tags")
_WRITES = ("modify_metadef_namespace", "add_metadef_namespace", "delete_metadef_namespace", "modify_metadef_object",
           "add_metadef_object", "delete_metadef_object", "add_metadef_resource_type_association",
           "remove_metadef_resource_type_association", "modify_metadef_property", "add_metadef_property",
           "remove_metadef_property", "add_metadef_tag", "add_metadef_tags", "modify_metadef_tag", "delete_metadef_tag",
           "delete_metadef_tags")

RULES = [
    rule("metadef_admin", ADMIN, "Write metadata definitions."),
    rule("get_metadef_namespaces", ADMIN_OR_READER, "List namespaces."),
    *[rule(name, _READ, "Read metadata definitions.") for name in _READS],
    *[rule(name, "rule:metadef_admin", "Write metadata definitions.") for name in _WRITES],
]
