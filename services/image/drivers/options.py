"""The options of image stores: one section for each name in `enabled_stores`.

`enabled_stores` lists `name:driver`, as in `fast:file,web:http`; a bare name is a driver, too.
"""

from oslo_config import cfg

STORES = [
    cfg.ListOpt("enabled_stores", default=["file"], help="Stores as name or name:driver (file, rbd, s3, http)."),
    cfg.StrOpt("default_store", help="Where uploads go unless they say; by default the first store that can be written to."),
]

FILE = [
    cfg.StrOpt("images_dir", sample_default="$state_path/images", help="Where the images are files; unset: images (of a "
               "second store: images-NAME) in state_path."),
    cfg.BoolOpt("sync", default=True, help="Force each image to disk before it becomes active."),
    cfg.BoolOpt("thin", default=False, help="Leave holes for zeros."),
]

HTTP = [
    cfg.FloatOpt("http_timeout_s", default=60.0, min=0.1, help="Longest silence of a web server (seconds)."),
    cfg.IntOpt("http_max_redirects", default=5, min=0, help="Redirects to follow."),
    cfg.ListOpt("http_allowed_ports", default=["80", "443"], help="Ports that locations may name; empty: any."),
    cfg.ListOpt("http_allowed_networks", default=[], help="Networks that are not public and may be read from all the same."),
    cfg.StrOpt("http_ca_file", help="Certificate authorities to trust; by default the usual ones."),
]

RBD = [
    cfg.StrOpt("rbd_pool", default="images", help="Ceph pool that holds the images."),
    cfg.StrOpt("rbd_user", default="admin", help="Ceph account, without `client.`; its key is where the configuration says."),
    cfg.StrOpt("rbd_ceph_conf", default="/etc/ceph/ceph.conf", help="Configuration file of the Ceph cluster."),
    cfg.IntOpt("rbd_chunk_mib", default=8, min=1, max=32, help="Size of the objects an image is made of, MiB: a power of two."),
    cfg.BoolOpt("rbd_thin", default=False, help="Leave holes for zeros."),
    cfg.IntOpt("rbd_timeout_s", default=30, min=1, help="Longest wait for the cluster, seconds."),
]

S3 = [
    cfg.StrOpt("s3_endpoint", help="URL of the S3 server."),
    cfg.StrOpt("s3_access_key", secret=True, help="Access key."),
    cfg.StrOpt("s3_secret_key", secret=True, help="Secret key."),
    cfg.StrOpt("s3_bucket", help="Bucket that holds the images."),
    cfg.BoolOpt("s3_create_bucket", default=False, help="Make the bucket where it is missing."),
    cfg.StrOpt("s3_region", default="us-east-1", help="Region that requests are signed for."),
    cfg.StrOpt("s3_addressing", default="path", choices=["path", "virtual", "auto"],
               help="Whether the bucket is part of the path or of the host name."),
    cfg.IntOpt("s3_part_mib", default=10, min=5, max=1024,
               help="Size of the parts of an upload, MiB; an upload takes three times as much memory."),
    cfg.IntOpt("s3_timeout_s", default=60, min=1, help="Longest silence of the server, seconds."),
    cfg.StrOpt("s3_ca_file", help="Certificate authorities to trust; by default the usual ones."),
]

COMMON = [
    cfg.IntOpt("weight", default=0, help="Stores of more weight are read from first, and named first."),
    cfg.StrOpt("store_description", default="", help="What users see of this store."),
    cfg.StrOpt("hash_algorithm", default="sha512", choices=["sha256", "sha384", "sha512"], help="The multihash's algorithm."),
]


OF_DRIVER = {"file": FILE, "http": HTTP, "rbd": RBD, "s3": S3}


def split(entry: str) -> tuple[str, str]:
    """(name, driver) of an entry of `enabled_stores`."""
    name, _, driver = entry.partition(":")
    return name.strip(), (driver or name).strip()


def register(conf: cfg.ConfigOpts) -> None:
    """Register `enabled_stores` and the section of each store named there."""
    conf.register_opts(STORES)
    for entry in conf.enabled_stores:
        name, driver = split(entry)
        conf.register_opts([*COMMON, *OF_DRIVER.get(driver, ())], group=name)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """For the sample configuration: (section, options)."""
    return [("DEFAULT", STORES), *[(driver, [*COMMON, *options]) for driver, options in OF_DRIVER.items()]]
