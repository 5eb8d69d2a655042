"""Assembling the simulated driver from configuration."""

from oslo_config import cfg

from services.compute.drivers import base
from services.compute.drivers.simulated.devices import Disks, Nics
from services.compute.drivers.simulated.host import Consoles, DiagnosticsSource, GuestAgent, Housekeeping, Inventory
from services.compute.drivers.simulated.lifecycle import Lifecycle
from services.compute.drivers.simulated.moves import Live, Resize
from services.compute.drivers.simulated.nodes import Nodes


def build(conf: cfg.ConfigOpts) -> base.Driver:
    """The simulated driver for the `[simulated]` section `conf`."""
    nodes = Nodes(conf)
    disks, housekeeping = Disks(nodes), Housekeeping(nodes)
    lifecycle = Lifecycle(nodes, disks.plug, housekeeping)
    return base.Driver(
        name="simulated",
        lifecycle=lifecycle,
        inventory=Inventory(nodes),
        consoles=Consoles(nodes),
        disks=disks,
        nics=Nics(nodes),
        resize=Resize(nodes, lifecycle),
        guest=GuestAgent(nodes),
        diagnostics=DiagnosticsSource(nodes),
        housekeeping=housekeeping,
        live=Live(nodes),
    )
