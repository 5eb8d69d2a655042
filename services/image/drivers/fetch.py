"""Fetching a URL that a user named, without becoming the user's door into the cloud's own networks.

A URL is checked before the first byte, after its name is resolved, and again after every redirect; the connection is
made to the very address that was checked, so that a name that resolves differently the second time gains nothing.
"""

import dataclasses
import ipaddress
import re
import socket
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Any

import urllib3

from services.image.drivers.base import CHUNK_BYTES, StoreError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_REDIRECTS = (301, 302, 303, 307, 308)
# Not for hosts that anybody may ask, whatever the library at hand says of them: site-local, documentation, protocol
# assignments (Teredo and ORCHID among them), the relays of 6to4, and translations of IPv4 that are a network's own.
_NOT_PUBLIC = [ipaddress.ip_network(n) for n in (
    "fec0::/10", "3fff::/20", "2001::/23", "192.88.99.0/24", "64:ff9b:1::/48", "::ffff:0:0:0/96")]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_HOST = re.compile(r"^[A-Za-z0-9._-]+$")
_NUMBERISH = re.compile(r"^(0[xX][0-9a-fA-F]*|\d+)(\.(0[xX][0-9a-fA-F]*|\d*))*$")


class Refused(Exception):
    """The URL may not be fetched; the text says why."""


@dataclasses.dataclass(frozen=True)
class Guard:
    """What may be fetched. `hosts` and `ports` empty: any. `networks` are those that may be reached though not public."""

    schemes: Sequence[str] = ("http", "https")
    ports: Sequence[int] = (80, 443)
    hosts: Sequence[str] = ()
    banned_hosts: Sequence[str] = ()
    networks: Sequence[str] = ()
    redirects_max: int = 5
    timeout_s: float = 60.0
    ca_file: str | None = None

    def _allowed(self, address: IpAddress) -> bool:
        for text in self.networks:
            network = ipaddress.ip_network(text, strict=False)
            if address.version == network.version and address in network:
                return True
        return False

    def check_address(self, address: IpAddress) -> None:
        """Refused unless the address is a public one, or in a network that is allowed."""
        for real in (address, *_embedded(address)):
            if self._allowed(real):
                continue
            if not real.is_global or real.is_multicast or real.is_reserved or real.is_unspecified or any(
                    real in network for network in _NOT_PUBLIC):
                raise Refused(f"the address {address} is not public")


def _embedded(address: IpAddress) -> list[IpAddress]:
    """IPv4 addresses hidden in an IPv6 one."""
    if not isinstance(address, ipaddress.IPv6Address):
        return []
    found: list[IpAddress | None] = [address.ipv4_mapped, address.sixtofour]
    if address.teredo:
        found.extend(address.teredo)
    if address in _NAT64 or int(address) >> 32 == 0 and int(address) > 1:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [a for a in found if a is not None]


def check(url: str, guard: Guard, *, resolve: bool = True) -> tuple[urllib.parse.SplitResult, list[IpAddress]]:
    """The URL's parts and the checked addresses of its host; Refused with a reason that may be shown to the user."""
    if any(c.isspace() or ord(c) < 33 or ord(c) > 126 for c in url) or "\\" in url:
        raise Refused("it has characters that a URL may not have")
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as e:
        raise Refused("it is malformed") from e
    if parts.scheme not in guard.schemes:
        raise Refused(f"the scheme {parts.scheme or '(none)'} is not allowed")
    if not host or parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise Refused("it must name a host, and no user")
    if guard.ports and (port or (443 if parts.scheme == "https" else 80)) not in guard.ports:
        raise Refused(f"the port {port} is not allowed")
    literal = _literal(host)
    if guard.hosts and host not in guard.hosts or not guard.hosts and host in guard.banned_hosts:
        raise Refused(f"the host {host} is not allowed")
    if literal is not None:
        addresses = [literal]
    elif not resolve:
        return parts, []
    else:
        addresses = _resolve(host, port or 0)
    for address in addresses:
        guard.check_address(address)
    return parts, addresses


def _literal(host: str) -> IpAddress | None:
    """The address a host is written as; None for a name. Refused for encoded ones, such as 0x7f.1 or 2130706433."""
    try:
        return ipaddress.ip_address(host.partition("%")[0] if ":" in host else host)
    except ValueError:
        pass
    if not _HOST.match(host) or ":" in host:
        raise Refused("its host has characters that a host's name may not have")
    if _NUMBERISH.match(host.rstrip(".")):
        raise Refused("its host is an encoded address")
    return None


def _resolve(host: str, port: int) -> list[IpAddress]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as e:
        raise Refused(f"the host {host} cannot be resolved") from e
    return list(dict.fromkeys(ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found))


def request(method: str, url: str, guard: Guard, headers: dict[str, str] | None = None) -> Any:
    """The final answer (urllib3's response, body unread) after redirects; Refused, or StoreError when nobody answers."""
    for _ in range(guard.redirects_max + 1):
        parts, addresses = check(url, guard)
        answer = _once(method, parts, addresses, guard, headers or {})
        target = answer.headers.get("Location")
        if answer.status not in _REDIRECTS or not target:
            return answer
        answer.release_conn()
        answer.close()
        url = urllib.parse.urljoin(url, target)
    raise Refused("it redirects too often")


def _once(method: str, parts: urllib.parse.SplitResult, addresses: Sequence[IpAddress], guard: Guard,
          headers: dict[str, str]) -> Any:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {"Host": parts.netloc, "Accept-Encoding": "identity", "User-Agent": "altostack-image", **headers}
    options: dict[str, Any] = {"timeout": guard.timeout_s, "retries": False, "maxsize": 1}
    last: Exception | None = None
    for address in addresses:
        if parts.scheme == "https":
            pool: Any = urllib3.HTTPSConnectionPool(str(address), parts.port or 443, server_hostname=parts.hostname,
                                                    assert_hostname=parts.hostname, ca_certs=guard.ca_file, **options)
        else:
            pool = urllib3.HTTPConnectionPool(str(address), parts.port or 80, **options)
        try:
            return pool.urlopen(method, path, headers=sent, redirect=False, preload_content=False, assert_same_host=False)
        except urllib3.exceptions.HTTPError as e:
            last = e
    raise StoreError(f"the web server {parts.hostname} cannot be reached: {type(last).__name__}")


def chunks(answer: Any) -> Iterator[bytes]:
    """The body of an answer; StoreError when it breaks off."""
    try:
        yield from answer.stream(CHUNK_BYTES, decode_content=False)
    except urllib3.exceptions.HTTPError as e:
        raise StoreError(f"the web server broke off: {type(e).__name__}") from e
    finally:
        answer.release_conn()
        answer.close()
