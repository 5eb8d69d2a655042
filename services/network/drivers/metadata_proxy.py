"""Metadata for guests: who asks is told by the source address, inside the network's own namespace.

A listening socket belongs to the namespace in which it was made, so one thread enters the namespace, makes it, and
goes; no process runs there. One loop accepts for all of them, and a bounded pool answers. What a guest claims about
itself in headers is thrown away; the instance's id is signed for the metadata API with the shared secret.
"""

import concurrent.futures
import dataclasses
import hashlib
import hmac
import http.client
import logging
import os
import selectors
import socket
import threading
import urllib.parse
from collections.abc import Mapping

from services.network.drivers import dnsmasq, namespace_router, router_nat
from services.network.drivers.base import Applied, DriverConfig
from services.network.drivers.host import Host
from services.network.drivers.metadata_http import BadRequest, Request, read_request, respond
from services.network.objects.dhcp import DhcpHost
from services.network.objects.host_state import HostState

LOG = logging.getLogger(__name__)
CLIENT_TIMEOUT_S, UPSTREAM_TIMEOUT_S = 10.0, 30.0
# Requests that wait for a thread; more are turned away at once, so that one guest cannot exhaust the agent.
WAITING_MAX = 256


@dataclasses.dataclass
class _Listener:
    opened: socket.socket
    hosts: Mapping[str, DhcpHost]
    inode: int


class ThreadedMetadataProxy:
    """See `base.MetadataProxy`."""

    def __init__(self, host: Host, config: DriverConfig) -> None:
        self._host, self._config = host, config
        self._listeners: dict[str, _Listener] = {}
        self._sources: dict[str, tuple[DhcpHost, ...]] = {}
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._pool = concurrent.futures.ThreadPoolExecutor(config.metadata_threads, "metadata")
        self._waiting = threading.BoundedSemaphore(config.metadata_threads + WAITING_MAX)
        self._wake = os.pipe()
        self._selector.register(self._wake[0], selectors.EVENT_READ, None)
        self._closing = False
        self._thread: threading.Thread | None = None

    def apply(self, desired: HostState, *, full: bool = False) -> Applied:
        """See `base.Capability`: one listener per namespace that serves metadata."""
        result = Applied()
        wanted: dict[str, tuple[tuple[str, int], tuple[DhcpHost, ...], str]] = {}
        for dhcp in desired.dhcps:
            if dhcp.metadata:
                ns = dnsmasq.namespace(self._host, dhcp.network_id)
                wanted[ns] = ((router_nat.METADATA_IP, 80), dhcp.hosts, f"network:{dhcp.network_id}")
        for router in desired.routers:
            if router.metadata and router.admin_state_up:
                ns = namespace_router.namespace(self._host, router.router_id)
                wanted[ns] = (("0.0.0.0", router_nat.METADATA_PORT), router.hosts, f"router:{router.router_id}")
        for ns in self._listeners.keys() - wanted.keys():
            result.changes += self._close(ns)
        for ns, (address, hosts, unit) in wanted.items():
            try:
                result.changes += self._ensure(ns, address, hosts)
            except OSError as e:
                result.errors[unit] = f"metadata: {e}"
        return result

    def close(self) -> None:
        """See `base.MetadataProxy`."""
        self._closing = True
        os.write(self._wake[1], b"x")
        if self._thread:
            self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for ns in list(self._listeners):
            self._close(ns)
        self._selector.close()
        for fd in self._wake:
            os.close(fd)

    def _ensure(self, ns: str, address: tuple[str, int], hosts: tuple[DhcpHost, ...]) -> int:
        inode = os.stat(f"/run/netns/{ns}").st_ino
        known = self._listeners.get(ns)
        if known and known.inode != inode:  # the namespace was made anew
            self._close(ns)
            known = None
        if known and self._sources.get(ns) is hosts:
            return 0
        by_ip = {ip: entry for entry in hosts for ip in entry.ips}
        self._sources[ns] = hosts
        if known:
            known.hosts = by_ip
            return 0
        self._host.note(f"listen in {ns}")
        opened = self._host.enter(lambda: _listen(address), ns)
        listener = _Listener(opened, by_ip, inode)
        with self._lock:
            self._listeners[ns] = listener
            self._selector.register(opened, selectors.EVENT_READ, listener)
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="metadata-accept", daemon=True)
            self._thread.start()
        os.write(self._wake[1], b"x")
        return 1

    def _close(self, ns: str) -> int:
        with self._lock:
            listener = self._listeners.pop(ns)
            self._selector.unregister(listener.opened)
        self._sources.pop(ns, None)
        listener.opened.close()
        self._host.note(f"stop listening in {ns}")
        return 1

    def _loop(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select():
                if key.data is None:
                    os.read(self._wake[0], 64)
                    continue
                try:
                    client, address = key.data.opened.accept()
                except OSError:
                    continue  # the client is gone, or the listener was closed just now
                if not self._waiting.acquire(blocking=False):
                    client.close()
                    continue
                self._pool.submit(self._serve, key.data, client, address[0])

    def _serve(self, listener: _Listener, client: socket.socket, source: str) -> None:
        try:
            with client:
                client.settimeout(CLIENT_TIMEOUT_S)
                try:
                    request = read_request(client)
                except BadRequest as e:
                    respond(client, 400, str(e).encode())
                    return
                self._answer(listener, client, source, request)
        except OSError as e:
            LOG.debug("metadata client %s: %s", source, e)
        except Exception:  # process edge: one request
            LOG.exception("metadata request of %s failed", source)
        finally:
            self._waiting.release()

    def _answer(self, listener: _Listener, client: socket.socket, source: str, request: Request) -> None:
        found = listener.hosts.get(source)
        if found is None or not found.device_id:
            respond(client, 404, b"no instance has this address")
            return
        signature = hmac.new(self._config.metadata_secret.encode(), found.device_id.encode(), hashlib.sha256)
        headers = {
            **request.passed_on, "X-Forwarded-For": source, "X-Instance-ID": found.device_id,
            "X-Tenant-ID": found.project_id, "X-Instance-ID-Signature": signature.hexdigest(),
        }
        url = urllib.parse.urlsplit(self._config.metadata_url)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        upstream = kind(url.hostname or "", url.port, timeout=UPSTREAM_TIMEOUT_S)
        try:
            upstream.request(request.method, url.path.rstrip("/") + request.target, request.body or None, headers)
            answer = upstream.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as e:
            LOG.warning("the metadata API at %s does not answer: %s", self._config.metadata_url, e)
            respond(client, 503, b"the metadata service is not available")
            return
        finally:
            upstream.close()
        respond(client, answer.status, body, answer.getheader("Content-Type") or "text/plain",
                head=request.method == "HEAD")


def _listen(address: tuple[str, int]) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(128)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened
