"""The schema of an image: as clients read it under /v2/schemas/image, and as bodies are checked against it."""

from collections.abc import Sequence
from typing import Any

from common import errors
from common.http.validation import Schema

UUID = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
_INT_MAX = 2147483647

ANYTHING = Schema({})
"""For bodies whose form depends on a header or on configuration; their handlers check them."""

LOCATION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "maxLength": 2048},
        "metadata": {"type": "object"},
        "validation_data": {
            "description": "Values to be used to populate the corresponding image properties. If the image status is not "
                           "'queued', values must exactly match those already contained in the image properties.",
            "type": "object", "writeOnly": True, "additionalProperties": False,
            "properties": {
                "checksum": {"type": "string", "minLength": 32, "maxLength": 32},
                "os_hash_algo": {"type": "string", "maxLength": 64},
                "os_hash_value": {"type": "string", "maxLength": 128},
            },
            "required": ["os_hash_algo", "os_hash_value"],
        },
    },
    "required": ["url", "metadata"],
}


def _read_only(kind: Any, description: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "readOnly": True, "description": description, **more}


def base_properties(disk_formats: Sequence[str], container_formats: Sequence[str]) -> dict[str, Any]:
    """The attributes every image has, as JSON schema."""
    null = ["null", "string"]
    return {
        "id": {"type": "string", "description": "An identifier for the image", "pattern": UUID},
        "name": {"type": null, "description": "Descriptive name for the image", "maxLength": 255},
        "status": _read_only("string", "Status of the image", enum=[
            "queued", "saving", "active", "killed", "deleted", "uploading", "importing", "pending_delete", "deactivated"]),
        "visibility": {"type": "string", "description": "Scope of image accessibility",
                       "enum": ["community", "public", "private", "shared"]},
        "protected": {"type": "boolean", "description": "If true, image will not be deletable."},
        "os_hidden": {"type": "boolean", "description": "If true, image will not appear in default image list response."},
        "checksum": _read_only(null, "md5 hash of image contents.", maxLength=32),
        "os_hash_algo": _read_only(null, "Algorithm to calculate the os_hash_value", maxLength=64),
        "os_hash_value": _read_only(null, "Hexdigest of the image contents using the algorithm specified by the "
                                          "os_hash_algo", maxLength=128),
        "owner": {"type": null, "description": "Owner of the image", "maxLength": 255},
        "size": _read_only(["null", "integer"], "Size of image file in bytes"),
        "virtual_size": _read_only(["null", "integer"], "Virtual size of image in bytes"),
        "container_format": {"type": null, "description": "Format of the container", "enum": [None, *container_formats]},
        "disk_format": {"type": null, "description": "Format of the disk", "enum": [None, *disk_formats]},
        "created_at": _read_only("string", "Date and time of image registration"),
        "updated_at": _read_only("string", "Date and time of the last image modification"),
        "tags": {"type": "array", "description": "List of strings related to the image",
                 "items": {"type": "string", "maxLength": 255}},
        "direct_url": _read_only("string", "URL to access the image file kept in external store"),
        "min_ram": {"type": "integer", "description": "Amount of ram (in MB) required to boot image."},
        "min_disk": {"type": "integer", "description": "Amount of disk space (in GB) required to boot image."},
        "self": _read_only("string", "An image self url"),
        "file": _read_only("string", "An image file url"),
        "schema": _read_only("string", "An image schema url"),
        "locations": {"type": "array", "items": LOCATION,
                      "description": "A set of URLs to access the image file kept in external store"},
        "stores": _read_only("string", "Store in which image data resides.  Only present when the operator has enabled "
                                       "multiple stores.  May be a comma-separated list of store identifiers."),
    }


def custom_properties() -> dict[str, Any]:
    """The well-known free properties, which other services give a meaning."""
    def text(description: str, **more: Any) -> dict[str, Any]:
        return {"type": "string", "is_base": False, "description": description, **more}

    uuid_or_null = {"type": ["null", "string"], "pattern": UUID, "is_base": False}
    return {
        "kernel_id": {**uuid_or_null, "description": "ID of image stored in Glance that should be used as the kernel when "
                                                     "booting an AMI-style image."},
        "ramdisk_id": {**uuid_or_null, "description": "ID of image stored in Glance that should be used as the ramdisk when "
                                                      "booting an AMI-style image."},
        "instance_uuid": text("Metadata which can be used to record which instance this image is associated with. "
                              "(Informational only, does not create an instance snapshot.)"),
        "architecture": text("Operating system architecture as specified in "
                             "https://docs.openstack.org/python-glanceclient/latest/cli/property-keys.html"),
        "os_distro": text("Common name of operating system distribution as specified in "
                          "https://docs.openstack.org/python-glanceclient/latest/cli/property-keys.html"),
        "os_version": text("Operating system version as specified by the distributor."),
        "description": text("A human-readable string describing this image."),
        "cinder_encryption_key_id": text("Identifier in the OpenStack Key Management Service for the encryption key for "
                                         "the Block Storage Service to use when mounting a volume created from this image"),
        "cinder_encryption_key_deletion_policy": text(
            "States the condition under which the Image Service will delete the object associated with the "
            "'cinder_encryption_key_id' image property.", enum=["on_image_deletion", "do_not_delete"]),
    }


class ImageSchemas:
    """The schemas that depend on the configured formats."""

    def __init__(self, disk_formats: Sequence[str], container_formats: Sequence[str]) -> None:
        self.base = base_properties(disk_formats, container_formats)
        self.document: dict[str, Any] = {
            "name": "image", "properties": {**custom_properties(), **self.base}, "additionalProperties": {"type": "string"},
            "links": [{"rel": "self", "href": "{self}"}, {"rel": "enclosure", "href": "{file}"},
                      {"rel": "describedby", "href": "{schema}"}],
        }
        self._whole = Schema({"type": "object", "properties": self.document["properties"],
                              "additionalProperties": {"type": "string"}})

    def check(self, values: dict[str, Any]) -> None:
        """errors.BadRequest in upstream's words when the attributes are not an image's (any of them may be missing)."""
        self.check_types(values)
        self.check_values(values)

    def check_types(self, values: dict[str, Any]) -> None:
        """The part of `check` that the schema says."""
        self._whole.validate(values, lambda e: f"Provided object does not match schema 'image': {e}")

    @staticmethod
    def check_values(values: dict[str, Any]) -> None:
        """The rest of `check`, which new images' makers learn only if they may make any."""
        for name, value in values.items():
            if len(name) > 255:
                raise errors.BadRequest("Custom property should not be greater than 255 characters.")
            if not name.isprintable() or not name:
                raise errors.BadRequest("Property names must have printable characters, and at least one.")
            if has_wide(name):
                raise errors.BadRequest("Property names can't contain 4 byte unicode.")
            if name in ("min_disk", "min_ram"):
                _check_number(name, value)
        if has_wide(values.get("name") or ""):
            raise errors.BadRequest("Name can't contain 4 byte unicode characters.")


def has_wide(text: str) -> bool:
    """Whether a text has characters that upstream's databases cannot keep."""
    return any(ord(c) > 0xFFFF for c in text)


def _check_number(name: str, value: int) -> None:
    if value < 0:
        raise errors.BadRequest(f"Invalid value '{value}' for parameter '{name}': Cannot be a negative value")
    if value > _INT_MAX:
        raise errors.BadRequest(f"'{name}' value out of range, must not exceed {_INT_MAX}.")


LOCATION_ADD = Schema({
    "type": "object", "required": ["url"],
    "properties": {
        "url": {"type": "string", "maxLength": 2048},
        "validation_data": {"type": "object", "additionalProperties": False,
                            "properties": {"os_hash_algo": {"type": "string", "enum": ["sha1", "sha256", "sha512", "md5"]},
                                           "os_hash_value": {"type": "string", "maxLength": 128}},
                            "dependencies": {"os_hash_algo": ["os_hash_value"], "os_hash_value": ["os_hash_algo"]}},
    },
})
