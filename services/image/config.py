"""Every option of the image service, and what the service consists of."""

from collections.abc import Sequence

from oslo_config import cfg

from common.service import DaemonInfo, Endpoint, Service
from services.image.drivers.options import STORES

GIB = 1 << 30
DISK_FORMATS = ["ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"]
CONTAINER_FORMATS = ["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"]
IMPORT_METHODS = ["glance-direct", "web-download", "copy-image", "glance-download"]

IMAGE_OPTS: list[cfg.Opt] = [
    cfg.IntOpt("size_max_bytes", default=1 << 40, min=1, help="Most bytes an image may have."),
    cfg.IntOpt("virtual_size_max_bytes", default=8 << 40, min=1, help="Largest disk an image may show to a guest, bytes."),
    cfg.IntOpt("property_quota", default=128, help="Most properties of an image; negative: any number."),
    cfg.IntOpt("tag_quota", default=128, help="Most tags of an image; negative: any number."),
    cfg.IntOpt("member_quota", default=128, help="Most members of an image; negative: any number."),
    cfg.IntOpt("location_quota", default=10, help="Most locations of an image; negative: any number."),
    cfg.ListOpt("disk_formats", default=DISK_FORMATS, help="Disk formats accepted."),
    cfg.ListOpt("container_formats", default=CONTAINER_FORMATS, help="Container formats accepted."),
    cfg.BoolOpt("require_format_match", default=True, help="Refuse data that is not of the declared disk format."),
    cfg.BoolOpt("show_direct_url", default=False, help="Show an image's first location as direct_url."),
    cfg.BoolOpt("show_locations", default=False, help="Show images' locations, and let owners set them (see the README)."),
    cfg.BoolOpt("secure_hash", default=True, help="Compute digests of data whose location was added through the locations API."),
    cfg.BoolOpt("delayed_delete", default=False, help="Keep deleted images' data until the scrubber takes it."),
    cfg.IntOpt("scrub_after_s", default=0, min=0, help="Age of a delayed delete at which the scrubber takes it, seconds."),
    cfg.IntOpt("scrub_every_s", default=300, min=1, help="Seconds between passes of the scrubber."),
    cfg.IntOpt("deleted_keep_days", default=30, min=0, help="Days for which a deleted image's id stays taken."),
    cfg.IntOpt("upload_lease_s", default=120, min=2, help="Seconds without data after which an upload counts as dead."),
    cfg.StrOpt("key_manager_endpoint", help="URL of the key manager that has the certificates of signed images; unset: looked "
                                            "up in the catalog (key-manager)."),
    cfg.BoolOpt("use_keystone_limits", default=False, help="Enforce identity's registered limits of this service."),
    cfg.StrOpt("limits_endpoint_id", help="Endpoint id that limits are registered for; unset: looked up in the catalog."),
]
IMPORT_OPTS: list[cfg.Opt] = [
    cfg.ListOpt("methods", default=IMPORT_METHODS, help="Import methods offered."),
    cfg.StrOpt("staging_dir", sample_default="$state_path/staging", help="Folder of staged data; shared by all image daemons."),
    cfg.IntOpt("task_keep_h", default=48, min=1, help="Hours for which a finished task can be looked at."),
    cfg.ListOpt("allowed_schemes", default=["http", "https"], help="URL schemes that web-download accepts."),
    cfg.ListOpt("allowed_ports", default=["80", "443"], help="Ports that web-download accepts; empty: any."),
    cfg.ListOpt("allowed_hosts", default=[], help="If set, the only hosts that web-download accepts."),
    cfg.ListOpt("disallowed_hosts", default=[], help="Hosts that web-download refuses; ignored where allowed_hosts is set."),
    cfg.ListOpt("allowed_networks", default=[],
                help="Private, link-local or loopback networks that web-download may reach all the same, e.g. 10.1.0.0/16."),
    cfg.IntOpt("redirects_max", default=5, min=0, help="Redirects that web-download follows; each is checked again."),
    cfg.FloatOpt("timeout_s", default=60.0, min=0.1, help="Longest silence of a server that is downloaded from, seconds."),
    cfg.ListOpt("plugins", default=[], help="What is done to imported data: image_decompression, image_conversion, "
                                            "inject_image_metadata."),
    cfg.StrOpt("output_format", default="raw", choices=["raw", "qcow2", "vmdk"], help="Target of image_conversion."),
    cfg.DictOpt("inject", default={}, help="Properties that inject_image_metadata sets."),
    cfg.ListOpt("inject_ignore_roles", default=["admin"], help="Roles whose imports get no injected properties."),
    cfg.ListOpt("extra_properties", default=["hw_", "trait:", "os_distro", "os_secure_boot", "os_type"],
                help="Prefixes of the remote image's properties that glance-download copies."),
]
CACHE_OPTS: list[cfg.Opt] = [
    cfg.BoolOpt("enabled", default=False, help="Keep copies of downloaded images on the API's host."),
    cfg.StrOpt("dir", sample_default="$state_path/cache", help="Folder of the copies."),
    cfg.IntOpt("size_max_bytes", default=10 * GIB, min=0, help="What pruning shrinks the cache to, bytes."),
    cfg.IntOpt("pass_every_s", default=10, min=1, help="Seconds between looks for images queued to be cached."),
]


def options() -> Sequence[tuple[str | None, Sequence[cfg.Opt]]]:
    """(group, options) of this service, beside those of common.config."""
    return [(None, STORES), ("image", IMAGE_OPTS), ("import", IMPORT_OPTS), ("cache", CACHE_OPTS)]


SERVICE = Service(
    name="image",
    options=options,
    db_package="services.image.db",
    daemons=(
        DaemonInfo("image-api", "services.image.cmd.image_api:build", port=9292, binary="glance-api"),
        DaemonInfo("image-conductor", "services.image.cmd.image_conductor:build", binary="glance-conductor"),
    ),
    endpoints=(
        Endpoint("image", "glance", "image-api", ""),
    ),
    # what shows everything the service can do on one machine
    embedded={"enabled_stores": ["file", "second:file", "web:http"], "image.show_locations": True, "cache.enabled": True},
)
