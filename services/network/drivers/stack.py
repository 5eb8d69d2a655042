"""All capabilities of a host together, called in the one order that is safe.

The firewall denies before a bridge exists, rules are loaded before a port is reported wired, and namespaces exist before
anybody listens in them.
"""

import dataclasses

from common import process
from services.network.drivers.base import (
    Applied,
    Dhcp,
    DriverConfig,
    DriverError,
    Firewall,
    Layer2,
    LinkWatch,
    MetadataProxy,
    Routing,
)
from services.network.drivers.dnsmasq import Dnsmasq
from services.network.drivers.host import Host
from services.network.drivers.link_monitor import LinkMonitor
from services.network.drivers.linux_bridge import LinuxBridge
from services.network.drivers.metadata_proxy import ThreadedMetadataProxy
from services.network.drivers.namespace_router import NamespaceRouter
from services.network.drivers.nft_firewall import NftFirewall
from services.network.drivers.simulated import Simulated
from services.network.objects.host_state import HostState

FAILURES = (process.CommandError, DriverError, OSError)


@dataclasses.dataclass
class HostStack:
    """The drivers of one host. Not thread-safe: one thread applies; only `layer2.forget_device` may come from others."""

    layer2: Layer2
    firewall: Firewall
    dhcp: Dhcp
    routing: Routing
    metadata: MetadataProxy
    links: LinkWatch

    def apply(self, desired: HostState, *, full: bool = False) -> Applied:
        """Make the host equal to `desired`; see `base.Capability`. Never raises for a single unit.

        `wired` are the ports that are in their bridge *and* have their rules: those may be told to be up.
        """
        result = Applied()
        try:
            self.firewall.prepare()
        except FAILURES as e:
            result.errors["firewall"] = str(e)
            return result
        plugged = self._one(result, "layer2", self.layer2, desired, full)
        guarded = self._one(result, "firewall", self.firewall, desired, full)
        self._one(result, "dhcp", self.dhcp, desired, full)
        self._one(result, "routing", self.routing, desired, full)
        self._one(result, "metadata", self.metadata, desired, full)
        # Ports of our own are made by their service, after layer 2 looked for them.
        own = {d.port.port_id for d in desired.dhcps if f"network:{d.network_id}" not in result.errors}
        own |= {port.port_id for router in desired.routers if f"router:{router.router_id}" not in result.errors
                for port in router.ports}
        served = own if not {"dhcp", "routing"} & result.errors.keys() else set()
        result.wired = (plugged | served) & guarded
        return result

    def close(self) -> None:
        """Stop the threads; the host stays as it is."""
        self.links.stop()
        self.metadata.close()

    @staticmethod
    def _one(result: Applied, unit: str, driver: Layer2 | Firewall | Dhcp | Routing | MetadataProxy,
             desired: HostState, full: bool) -> set[str]:
        try:
            done = driver.apply(desired, full=full)
        except FAILURES as e:
            result.errors[unit] = str(e)
            return set()
        result.merge(done)
        return done.wired


def linux_stack(config: DriverConfig) -> HostStack:
    """The real thing: needs root, `ip`, `bridge`, `nft`, `conntrack` and `dnsmasq`."""
    host = Host(config.netns, config.prefix)
    return HostStack(
        layer2=LinuxBridge(host, config), firewall=NftFirewall(host), dhcp=Dnsmasq(host, config),
        routing=NamespaceRouter(host, config), metadata=ThreadedMetadataProxy(host, config), links=LinkMonitor(host),
    )


def simulated_stack(simulated: Simulated | None = None) -> HostStack:
    """The embedded profile: no root, nothing touched, everything remembered."""
    one = simulated or Simulated()
    return HostStack(layer2=one, firewall=one, dhcp=one, routing=one, metadata=one, links=one)


def build(driver: str, config: DriverConfig) -> HostStack:
    """The stack named by configuration: `linux` or `simulated`; DriverError for any other name."""
    if driver == "linux":
        return linux_stack(config)
    if driver == "simulated":
        return simulated_stack()
    raise DriverError(f"unknown network driver {driver!r}: linux or simulated")
