"""A snapshot of a namespace's devices, and the mark by which we know our own.

Every device that we make carries the alias `altostack` in the kernel; only such devices are ever removed.
"""

import dataclasses
import json
from typing import Any

from services.network.drivers.host import Host

ALIAS = "altostack"


@dataclasses.dataclass
class Link:
    """One device: `master` is the bridge it is in, `kind` as `ip -d` says (bridge, veth, vxlan, tun…)."""

    name: str
    kind: str = ""
    master: str | None = None
    up: bool = False
    mtu: int = 1500
    mac: str = ""
    ours: bool = False
    data: dict[str, Any] = dataclasses.field(default_factory=dict)


def read_links(host: Host, ns: str | None = None, only: str | None = None) -> dict[str, Link]:
    """Device name -> device, of the host or of a namespace; `only` asks for one device, which may be absent."""
    found = {}
    args = ["ip", "-j", "-d", "link", "show", *(["dev", only] if only else [])]
    text = host.query(args, ns, check=only is None)
    for row in json.loads(text) if text.strip() else []:
        if "ifname" not in row:
            continue
        info = row.get("linkinfo") or {}
        found[row["ifname"]] = Link(
            name=row["ifname"], kind=info.get("info_kind", ""), master=row.get("master"),
            up="UP" in row.get("flags", ()), mtu=row.get("mtu", 1500), mac=row.get("address", ""),
            ours=row.get("ifalias") == ALIAS, data=info.get("info_data") or {},
        )
    return found


def quiet(name: str) -> str:
    """The `ip` line that marks a new device as ours and keeps the host from speaking IPv6 on it."""
    return f"link set dev {name} alias {ALIAS} addrgenmode none"
