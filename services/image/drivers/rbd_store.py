"""Images in a Ceph pool: block devices that compute and volume can clone in no time.

As upstream lays them out: the device is called after the image's id, and a protected snapshot `snap` is what clones hang
on. Locations are `rbd://FSID/POOL/IMAGE/snap`. (The module cannot be called `rbd`: the bindings are.)
"""

import contextlib
import importlib.machinery
import importlib.util
import math
import os
import sys
import threading
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

from oslo_config import cfg

from services.image.drivers.base import (
    BadLocation,
    Digests,
    Duplicate,
    InUse,
    NotFound,
    StoreDenied,
    StoredImage,
    StoreError,
    StoreFull,
    check_image_id,
    digested,
    joined,
)

SNAPSHOT = "snap"
_MIB = 1 << 20
_DISTRIBUTION = "/usr/lib/python3/dist-packages"


class RbdStore:
    """Implements `Store`, `Predictable` and `Usage`."""

    scheme = "rbd"
    read_only = False

    def __init__(self, name: str, settings: cfg.ConfigOpts.GroupAttr) -> None:
        self.name, self.pool = name, settings.rbd_pool
        self.chunk_bytes = settings.rbd_chunk_mib * _MIB
        self._order = int(math.log2(self.chunk_bytes))
        self._user, self._conf_file, self._timeout_s = settings.rbd_user, settings.rbd_ceph_conf, settings.rbd_timeout_s
        self._thin, self._algorithm = settings.rbd_thin, settings.hash_algorithm
        self._zeros = bytes(self.chunk_bytes) if self._thin else b""
        self._lock = threading.Lock()
        self._cluster: tuple[int, Any] | None = None

    def start(self) -> None:
        """See `Store.start`. Whether the cluster answers shows with the first use: it may come up after us."""
        if self.chunk_bytes != 1 << self._order:
            raise StoreError(f"[{self.name}] rbd_chunk_mib must be a power of two")
        if not os.access(self._conf_file, os.R_OK):
            raise StoreDenied(f"[{self.name}] rbd_ceph_conf {self._conf_file} cannot be read")
        _bindings()

    # connections

    def _connected(self) -> Any:
        """The cluster's handle; a process that was forked gets one of its own."""
        rados, _ = _bindings()
        with self._lock:
            if self._cluster is None or self._cluster[0] != os.getpid():
                settings = {name: str(self._timeout_s) for name in (
                    "client_mount_timeout", "rados_mon_op_timeout", "rados_osd_op_timeout")}
                made = rados.Rados(conffile=self._conf_file, rados_id=self._user, conf=settings)
                try:
                    made.connect(timeout=self._timeout_s)
                except rados.Error as e:
                    made.shutdown()
                    raise StoreError(f"the Ceph cluster of {self.name} does not answer: {_words(e)}") from e
                self._cluster = os.getpid(), made
            return self._cluster[1]

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Any]:
        """The pool, for one operation, with librbd's errors as StoreErrors."""
        rados, rbd = _bindings()
        try:
            with self._connected().open_ioctx(self.pool) as pool:
                yield pool
        except rados.ObjectNotFound as e:
            raise StoreError(f"the Ceph cluster of {self.name} has no pool {self.pool}") from e
        except rbd.ImageNotFound as e:
            raise NotFound("the image is not in the store") from e
        except (rbd.PermissionError, rados.PermissionError, rados.PermissionDeniedError) as e:
            raise StoreDenied(f"the Ceph pool of {self.name} refuses") from e
        except (rbd.DiskQuotaExceeded, rados.NoSpace) as e:
            raise StoreFull(f"the Ceph pool of {self.name} is full") from e
        except (rbd.ImageBusy, rbd.ImageHasSnapshots) as e:
            raise InUse("volumes or servers are clones of the image") from e
        except (rbd.Error, rados.Error) as e:
            raise StoreError(f"the Ceph cluster of {self.name} failed: {_words(e)}") from e

    # the protocol

    def add(self, image_id: str, stream: Iterable[bytes], size_hint: int | None = None) -> StoredImage:
        """See `Store.add`. Without a `size_hint` the device grows while the data comes in."""
        check_image_id(image_id)
        _, rbd = _bindings()
        if size_hint is not None and self._lacks(size_hint):
            raise StoreFull(f"{self.name} has no room for {size_hint} bytes")
        with self._opened() as pool:
            try:
                rbd.RBD().create(pool, image_id, size_hint or 0, order=self._order, old_format=False,
                                 features=rbd.RBD_FEATURE_LAYERING)
            except rbd.ImageExists:
                raise Duplicate(f"{self.name} already holds image {image_id}") from None
            digests = Digests(self._algorithm)
            try:
                with rbd.Image(pool, image_id) as image:
                    self._fill(image, stream, digests, size_hint or 0)
                    image.create_snap(SNAPSHOT)
                    image.protect_snap(SNAPSHOT)
            except BaseException:
                with contextlib.suppress(rbd.Error):
                    _remove(rbd, pool, image_id)
                raise
        return digests.stored(self.location(image_id))

    def _fill(self, image: Any, stream: Iterable[bytes], digests: Digests, size: int) -> None:
        """Write the stream in whole chunks, which are the device's objects; the device ends as long as the data."""
        room, grow = size, self.chunk_bytes
        at = 0
        for chunk in joined(digested(stream, digests), lambda: self.chunk_bytes):
            if at + len(chunk) > room:
                room, grow = max(room + grow, at + len(chunk)), min(grow * 2, 8 << 30)
                image.resize(room)
            if not self._thin or chunk != self._zeros[: len(chunk)]:
                image.write(chunk, at)
            at += len(chunk)
        if at != room:
            image.resize(at)
        image.flush()

    def get(self, location: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Store.get`."""
        size = self.size(location)
        end = size if length is None else min(size, offset + length)
        return self._read(self._name(location), min(offset, size), end)

    def _read(self, name: str, at: int, end: int) -> Iterator[bytes]:
        _, rbd = _bindings()
        with self._opened() as pool, rbd.Image(pool, name, snapshot=SNAPSHOT, read_only=True) as image:
            while at < end:
                chunk = image.read(at, min(self.chunk_bytes - at % self.chunk_bytes, end - at))
                at += len(chunk)
                yield chunk

    def delete(self, location: str) -> None:
        """See `Store.delete`; InUse while clones hang on the image."""
        name = self._name(location)
        with self._opened() as pool:
            _remove(_bindings()[1], pool, name)

    def size(self, location: str) -> int:
        """See `Store.size`."""
        _, rbd = _bindings()
        with self._opened() as pool, rbd.Image(pool, self._name(location), snapshot=SNAPSHOT, read_only=True) as image:
            return int(image.size())

    def exists(self, location: str) -> bool:
        """See `Store.exists`; also of a device that a crash left without its snapshot."""
        _, rbd = _bindings()
        try:
            with self._opened() as pool, rbd.Image(pool, self._name(location), read_only=True):
                return True
        except NotFound:
            return False

    def details(self) -> dict[str, Any]:
        """See `Store.details`."""
        return {"chunk_size": self.chunk_bytes, "pool": self.pool, "thin_provisioning": self._thin}

    def location(self, image_id: str) -> str:
        """See `Predictable.location`."""
        check_image_id(image_id)
        parts = (self._connected().get_fsid(), self.pool, image_id, SNAPSHOT)
        return "rbd://" + "/".join(urllib.parse.quote(p, safe="") for p in parts)

    def free_bytes(self) -> int:
        """See `Usage.free_bytes`: of the whole cluster, less what its replicas take."""
        return self._stats()["kb_avail"] * 1024

    def _lacks(self, size: int) -> bool:
        """Whether it is known that `size` bytes have no room: a cluster that has just started does not know its own size yet."""
        stats = self._stats()
        return 0 < stats["kb"] and stats["kb_avail"] * 1024 < size

    def _stats(self) -> dict[str, int]:
        """What the cluster says of its size, in KiB: `kb`, of which `kb_avail` are free."""
        rados, _ = _bindings()
        try:
            return {name: int(value) for name, value in self._connected().get_cluster_stats().items()}
        except rados.Error as e:
            raise StoreError(f"the Ceph cluster of {self.name} does not answer: {_words(e)}") from e

    def _name(self, location: str) -> str:
        """The device of a location; BadLocation when it is of another cluster or pool."""
        parts = location.removeprefix("rbd://").split("/")
        if not location.startswith("rbd://") or len(parts) != 4:
            raise BadLocation(f"the location is not one of {self.name}")
        fsid, pool, name, snapshot = (urllib.parse.unquote(p) for p in parts)
        if pool != self.pool or snapshot != SNAPSHOT or fsid != self._connected().get_fsid():
            raise BadLocation(f"the location is not one of {self.name}")
        check_image_id(name)
        return name


def _bindings() -> tuple[Any, Any]:
    """(rados, rbd): the distribution's modules, which a virtual environment need not see; StoreError without them."""
    try:
        return _binding("rados"), _binding("rbd")
    except ImportError as e:
        raise StoreError("Ceph's Python bindings are missing (Debian: python3-rados, python3-rbd)") from e


def _binding(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        spec = importlib.machinery.PathFinder.find_spec(name, [_DISTRIBUTION])
        if spec is None or spec.loader is None:
            raise
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _remove(rbd: Any, pool: Any, name: str) -> None:
    """Remove a device with its snapshot; where clones hang on it, everything is as before."""
    with rbd.Image(pool, name) as image:
        there = {s["name"] for s in image.list_snaps()}
        if SNAPSHOT in there:
            if image.is_protected_snap(SNAPSHOT):
                image.unprotect_snap(SNAPSHOT)
            try:
                image.remove_snap(SNAPSHOT)
            except rbd.Error:
                image.protect_snap(SNAPSHOT)
                raise
    rbd.RBD().remove(pool, name)
