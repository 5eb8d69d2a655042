"""network-agent: one per host; bridges, tunnels, DHCP, routers and security groups. It has no database access."""

import os

from oslo_config import cfg

from common import errors
from common.rpc.interface import client
from common.worker import Runtime, Worker
from services.network.agent.reconcile import Reconciler
from services.network.agent.service import AgentService
from services.network.config import SERVICE
from services.network.drivers import stack
from services.network.drivers.base import DriverConfig, DriverError
from services.network.rpc.agent import NetworkAgent
from services.network.rpc.conductor import NetworkConductor


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The daemon's worker; errors.ConfigError when the driver is unknown."""
    options = conf.network_agent
    config = DriverConfig(
        state_dir=os.path.join(conf.state_path, "network"), local_ip=options.local_ip, vxlan_port=options.vxlan_port,
        physical_networks=options.physical_networks, metadata_url=options.metadata_url,
        metadata_secret=options.metadata_secret or "", metadata_threads=options.metadata_threads,
        dhcp_lease_s=options.dhcp_lease_s, dns_forwarders=tuple(options.dns_forwarders))
    try:
        made = stack.build(options.driver, config)
    except DriverError as e:
        raise errors.ConfigError(f"network-agent: {e}") from e
    worker = Worker(SERVICE.daemon("network-agent"), conf, runtime)
    facts: dict[str, object] = {"tunnel_ip": options.local_ip or None, "physical_networks": sorted(options.physical_networks),
             "roles": list(options.roles), "configurations": {}}
    reconciler = Reconciler(conf.host, client(NetworkConductor, runtime.transport(conf)), made, facts=facts,
                            full_pass_s=float(conf.worker.reconcile_s))
    reconciler.attach(worker)
    worker.rpc_server(NetworkAgent, AgentService(reconciler))
    return worker
