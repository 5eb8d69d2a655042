"""Where images' bytes are kept (`base.Store`), and what they are (`inspect/`).

How an upload uses them:

    options.register(conf)
    stores = load_stores(conf)
    inspector = Inspector(disk_format, max_virtual_size_bytes=limit)
    stored = stores.default.add(image_id, inspected(limited(body, max_bytes), inspector), content_length)
    stored.url, stored.size_bytes, stored.checksum_md5, stored.hash_algo, stored.hash_value
    inspector.result.virtual_size_bytes
    stores.of(location).get(location, offset, length)

`ImageRejected` and whatever the body raises come out of `add`, which then has kept nothing.

| store | writes | ranges | local files (sendfile) | says free space |
|---|---|---|---|---|
| file | yes, atomically | yes | yes | yes |
| rbd | yes, with a protected snapshot at the end | yes | no | yes |
| s3 | yes, in parts | yes | no | no |
| http | no | yes | no | no |
"""

import dataclasses
import os
import urllib.parse
from collections.abc import Mapping, Sequence

from oslo_config import cfg

from services.image.drivers.base import BadLocation, Store, StoreError
from services.image.drivers.options import split
from services.image.objects.image import Location


@dataclasses.dataclass(frozen=True)
class Stores:
    """The configured stores by name; `default` takes uploads that name none."""

    by_name: Mapping[str, Store]
    default: Store
    weights: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def by_weight(self, locations: Sequence[Location]) -> Sequence[Location]:
        """The locations in the order in which they are to be read: stores of more weight first."""
        if len(locations) < 2:
            return locations
        return sorted(locations, key=lambda x: -self.weights.get(x.store, 0))

    def of(self, location: str, name: str | None = None) -> Store:
        """The store of a location, by its recorded name or else by its scheme; BadLocation when there is none."""
        if name is not None and name in self.by_name:
            return self.by_name[name]
        scheme = urllib.parse.urlsplit(location).scheme
        scheme = {"https": "http", "s3+https": "s3"}.get(scheme, scheme)
        for store in self.by_name.values():
            if store.scheme == scheme:
                return store
        raise BadLocation(f"no store serves {scheme or 'such'} locations")


def load_stores(conf: cfg.ConfigOpts) -> Stores:
    """All of `enabled_stores`, started; StoreError when one is unknown, broken, or none can be written to."""
    by_name: dict[str, Store] = {}
    for entry in conf.enabled_stores:
        name, driver = split(entry)
        by_name[name] = _make(name, driver, conf[name], _folder(conf, name, driver))
        by_name[name].start()
    writable = [store for store in by_name.values() if not store.read_only]
    wanted = conf.default_store
    default = by_name.get(wanted) if wanted else next(iter(writable), None)
    if default is None or default.read_only:
        raise StoreError(f"default_store {wanted or '(unset)'} is not a store that can be written to")
    return Stores(by_name, default, {name: conf[name].weight for name in by_name})


def _folder(conf: cfg.ConfigOpts, name: str, driver: str) -> str:
    """Where a file store keeps images unless it is told."""
    first = next(split(e)[0] for e in conf.enabled_stores if split(e)[1] == driver)
    return os.path.join(getattr(conf, "state_path", "."), "images" if name == first else f"images-{name}")


def _make(name: str, driver: str, settings: cfg.ConfigOpts.GroupAttr, folder: str) -> Store:
    # Imported here: a daemon pays only for the stores it uses.
    if driver == "file":
        from services.image.drivers.file import FileStore

        return FileStore(name, settings, folder)
    if driver == "http":
        from services.image.drivers.http import HttpStore

        return HttpStore(name, settings)
    if driver == "rbd":
        from services.image.drivers.rbd_store import RbdStore

        return RbdStore(name, settings)
    if driver == "s3":
        from services.image.drivers.s3 import S3Store

        return S3Store(name, settings)
    raise StoreError(f"store {name} names no known driver: {driver}")
