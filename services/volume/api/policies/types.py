"""Policies of volume types, their extra specs, access, encryption, defaults and quality of service."""

from services.volume.api.policies.base import ADMIN, ADMIN_OR_MEMBER, ADMIN_OR_READER, rules

_TYPE = "volume_extension"
RULES = rules(
    {
        f"{_TYPE}:type_create": (ADMIN, "Create volume type."),
        f"{_TYPE}:type_update": (ADMIN, "Update volume type."),
        f"{_TYPE}:type_delete": (ADMIN, "Delete volume type."),
        f"{_TYPE}:type_get": (ADMIN_OR_READER, "Get one specific volume type."),
        f"{_TYPE}:type_get_all": (ADMIN_OR_READER, "List volume types."),
        f"{_TYPE}:access_types_extra_specs": (ADMIN_OR_READER, "Include extra specs that tenants may see."),
        f"{_TYPE}:access_types_qos_specs_id": (ADMIN, "Include the quality of service of a type."),
        f"{_TYPE}:types_extra_specs:read_sensitive": (ADMIN, "Include all extra specs."),
        f"{_TYPE}:types_extra_specs:index": (ADMIN_OR_READER, "List type extra specs."),
        f"{_TYPE}:types_extra_specs:show": (ADMIN_OR_READER, "Show one specified type extra spec."),
        f"{_TYPE}:types_extra_specs:create": (ADMIN, "Create type extra specs."),
        f"{_TYPE}:types_extra_specs:update": (ADMIN, "Update type extra specs."),
        f"{_TYPE}:types_extra_specs:delete": (ADMIN, "Delete type extra specs."),
        f"{_TYPE}:volume_type_encryption:create": (ADMIN, "Create volume type encryption."),
        f"{_TYPE}:volume_type_encryption:get": (ADMIN, "Show a volume type's encryption."),
        f"{_TYPE}:volume_type_encryption:update": (ADMIN, "Update volume type encryption."),
        f"{_TYPE}:volume_type_encryption:delete": (ADMIN, "Delete volume type encryption."),
        f"{_TYPE}:volume_type_access": (ADMIN_OR_MEMBER, "Show whether a type is public."),
        f"{_TYPE}:volume_type_access:addProjectAccess": (ADMIN, "Add volume type access for project."),
        f"{_TYPE}:volume_type_access:removeProjectAccess": (ADMIN, "Remove volume type access for project."),
        f"{_TYPE}:volume_type_access:get_all_for_type": (ADMIN, "List private volume type access detail."),
        f"{_TYPE}:default_set_or_update": (ADMIN, "Set or update default volume type."),
        f"{_TYPE}:default_get": (ADMIN, "Get default type for a project."),
        f"{_TYPE}:default_get_all": (ADMIN, "Get default type for all projects."),
        f"{_TYPE}:default_unset": (ADMIN, "Unset default type for a project."),
        f"{_TYPE}:qos_specs_manage:get_all": (ADMIN, "List qos specs or list all associations."),
        f"{_TYPE}:qos_specs_manage:get": (ADMIN, "Show qos specs."),
        f"{_TYPE}:qos_specs_manage:create": (ADMIN, "Create qos specs."),
        f"{_TYPE}:qos_specs_manage:update": (ADMIN, "Update qos specs (including updating association)."),
        f"{_TYPE}:qos_specs_manage:delete": (ADMIN, "Delete qos specs or remove its associations."),
    }
)
