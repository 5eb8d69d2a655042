"""The Linux bridge that a guest's taps are plugged into.

Whoever comes first, this driver or the network agent, makes it; both make the same one. Only the network agent removes
it, when the network has nothing left on this host.
"""

import os

from common import process


def ensure(name: str, mtu: int | None = None) -> None:
    """Have the bridge `name` up, without spanning tree or forwarding delay; the MTU is only ever set on a new one."""
    if not os.path.isdir(f"/sys/class/net/{name}"):
        args = ["ip", "link", "add", "name", name]
        if mtu:
            args += ["mtu", str(mtu)]
        try:
            process.run(
                [*args, "type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0"]
            )
        except process.CommandError as e:
            if "File exists" not in e.stderr:
                raise
        _sysctl(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "1")
    process.run(["ip", "link", "set", "dev", name, "up"])


def _sysctl(path: str, value: str) -> None:
    """Keep the host itself off the tenants' network; a kernel without IPv6 has no such file."""
    if os.path.exists(path):
        with open(path, "w") as f:
            f.write(value)
