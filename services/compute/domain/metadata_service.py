"""What the metadata API answers: whose request it is, and the documents of that server."""

import datetime
import hashlib
import hmac
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cachetools import TTLCache
from oslo_config import cfg

from common import errors
from common.db.session import Database
from services.compute.db import server_parts, servers
from services.compute.domain import metadata, zones
from services.compute.domain.deps import Deps


@dataclass(frozen=True)
class Found:
    """A server's documents, its user data and its injected files."""

    server_id: str
    project_id: str
    documents: Mapping[str, Any]
    user_data: str | None
    contents: Mapping[str, bytes]
    password: str | None


def signature(secret: str, server_id: str) -> str:
    """What the network service's proxy sends to prove that it asks for `server_id`."""
    return hmac.new(secret.encode(), server_id.encode(), hashlib.sha256).hexdigest()


class Metadata:
    """Documents by server id, kept in memory for [metadata] cache_s seconds."""

    def __init__(self, conf: cfg.ConfigOpts, db: Database) -> None:
        self.conf, self.db = conf, db
        self._deps = Deps(conf=conf, db=db, conductor=None, agents=None, image=None, network=None, volume=None)
        self._cache: TTLCache[str, tuple[datetime.datetime | None, Found]] = TTLCache(4096, max(conf.metadata.cache_s, 1))
        self._lock = threading.Lock()
        self._vendor_data = _vendor_data(conf.metadata.vendordata_file)

    def identify(self, headers: Any) -> Found:
        """The server that a request is from, by the proxy's headers (names in any case: `get` of werkzeug's Headers).

        errors.BadRequest without them, Forbidden when the signature is wrong, NotFound without such a server of that project.
        """
        server_id, project_id = headers.get("X-Instance-ID"), headers.get("X-Tenant-ID")
        if not server_id:
            raise errors.BadRequest("X-Instance-ID header is missing from request.")
        if not project_id:
            raise errors.BadRequest("X-Tenant-ID header is missing from request.")
        given = headers.get("X-Instance-ID-Signature") or ""
        secret = self.conf.metadata.shared_secret
        if not secret or not hmac.compare_digest(given.encode(), signature(secret, server_id).encode()):
            raise errors.Forbidden("Invalid proxy request signature.")
        found = self.find(server_id)
        if found.project_id != project_id:
            raise errors.NotFound("Not Found")
        return found

    def find(self, server_id: str) -> Found:
        """The documents of a server; errors.NotFound.

        What is kept holds for the server as it was then: one that is rebuilt boots sooner than `cache_s`, and must not
        get what it was before.
        """
        with self.db.read() as session:
            changed_at = servers.changed_at(session, server_id)
        with self._lock:
            then, cached = self._cache.get(server_id, (None, None))
        if cached is None or then != changed_at:
            cached = self._read(server_id)
            if self.conf.metadata.cache_s:
                with self._lock:
                    self._cache[server_id] = changed_at, cached
        return cached

    def forget(self, server_id: str) -> None:
        """Read a server anew at its next request."""
        with self._lock:
            self._cache.pop(server_id, None)

    def _read(self, server_id: str) -> Found:
        with self.db.read() as session:
            server = servers.get(session, server_id)
            request = servers.request(session, server_id)
            nics = server_parts.nics(session, [server_id]).get(server_id, [])
            disks = server_parts.disks(session, [server_id]).get(server_id, [])
            zone = zones.of_server(server, zones.host_zones(self._deps, session))
        made = metadata.documents(server, nics, disks, request, domain=self.conf.compute.dhcp_domain, zone=zone,
                                  vendor_data=self._vendor_data)
        user_data = request.user_data if request is not None else None
        password = (server.system or {}).get("password")
        return Found(server_id, server.project_id, made, user_data, metadata.contents(request), password)


def _vendor_data(path: str | None) -> dict[str, Any]:
    if not path:
        return {}
    try:
        with open(path) as f:
            found = json.load(f)
    except (OSError, ValueError) as e:
        raise errors.ConfigError(f"metadata-api: [metadata] vendordata_file {path}: {e}") from e
    if not isinstance(found, dict):
        raise errors.ConfigError(f"metadata-api: [metadata] vendordata_file {path} must hold a JSON object")
    return found
