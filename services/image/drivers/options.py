"""The options of image stores: one section for each name in `enabled_stores`.

`enabled_stores` lists `name:driver`, as in `fast:file,web:http`; a bare name is a driver, too.
"""

from oslo_config import cfg

STORES = [
    cfg.ListOpt("enabled_stores", default=["file"], help="Stores as name or name:driver (file, http)."),
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

COMMON = [
    cfg.StrOpt("store_description", default="", help="What users see of this store."),
    cfg.StrOpt("hash_algorithm", default="sha512", choices=["sha256", "sha384", "sha512"], help="The multihash's algorithm."),
]


def split(entry: str) -> tuple[str, str]:
    """(name, driver) of an entry of `enabled_stores`."""
    name, _, driver = entry.partition(":")
    return name.strip(), (driver or name).strip()


def register(conf: cfg.ConfigOpts) -> None:
    """Register `enabled_stores` and the section of each store named there."""
    conf.register_opts(STORES)
    for entry in conf.enabled_stores:
        conf.register_opts([*COMMON, *FILE, *HTTP], group=split(entry)[0])


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """For the sample configuration: (section, options)."""
    return [("DEFAULT", STORES), ("file", [*COMMON, *FILE]), ("http", [*COMMON, *HTTP])]
