"""The scheduler's contract: choose hosts and claim on them, over RPC.

This is the one exception to "services talk over their public APIs": compute's
and volume's conductors call the scheduler daemon directly.
"""

from typing import Any

from oslo_config import cfg

from common.rpc.interface import Client, Interface, call, client

TOPIC = "scheduler"
OPTS = [
    cfg.StrOpt("transport_url", secret=True,
               help="Message transport of the scheduler; unset: this service's own transport_url."),
]


class Scheduler(Interface):
    """What the scheduler daemon can be asked."""

    topic = TOPIC
    version = "1.0"

    @call(timeout_s=20)
    def select_hosts(self, ctxt: Any, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Choose a host for each request and claim its resources there.

        A request:
          consumer_id        uuid whose allocation is made (the server's)
          project_id, user_id, consumer_type ("INSTANCE"), consumer_generation (None: new consumer)
          resources          {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 1} of the unnamed group
          groups             {suffix: {"resources", "required", "forbidden", "in_tree"}} of named groups, may be {}
          required, forbidden  traits; member_of: [[aggregate uuids], …] (any of each list)
          hints              scheduler hints: same_host, different_host, query, build_near_host_ip, group …
          hint_hosts         optional: {"same_host": [hosts], "different_host": [hosts]} of the servers in those hints
          group              {"policy", "rules", "hosts": [hosts in use], "members": n} of the server group, or None
          availability_zone, host, node   what was asked for, or None
          ignore_hosts       [host] not to be used (those that failed before, the source of a move)
          image              {"id", "properties": {…}, "min_ram", "min_disk"}; flavor: {"name", "extra_specs": {…}}
          group_policy       optional: "none" (default) or "isolate" for the named groups
          allow_existing     keep the consumer's present allocations beside the new (a move), default false
        An answer, in the same order:
          {"host", "node", "provider_id", "allocations", "alternates": [{"host", "node", "provider_id"}], "limits": {}}
        or {"error": text for operators, "public_error": text for tenants, "filtered": [[filter, hosts left], …]}.
        The same request again (same consumer_id, same claim) gives the same host: it is idempotent. A request that
        names the host it got among ignore_hosts gets another one, and its claim moves there. errors.Conflict when
        a consumer changes while its claim is written.
        """

    @call(timeout_s=20)
    def select_backends(self, ctxt: Any, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Choose a back end for each volume.

        A request: {"volume_id", "size_gb", "volume_type": {"name", "extra_specs"} or None, "availability_zone",
        "host" (wanted, or None), "ignore_hosts", "same_host", "different_host" (names of hosts, back ends or pools),
        "pools": [{"name": host@backend#pool, "capabilities": {…}, "up": bool, "availability_zone"}]}: volume's
        conductor hands its pools over, for they are rows of its own.
        An answer: {"host": "host@backend#pool"} or {"error", "public_error", "filtered"} as above.
        """

    @call(timeout_s=30)
    def update_hosts(self, ctxt: Any, hosts: list[dict[str, Any]]) -> None:
        """Tell the scheduler what it cannot see in Placement about compute hosts.

        Each: {"host", "node", "provider_id", "enabled", "up", "availability_zone", "aggregates": [{"uuid", "name",
        "metadata"}], "hypervisor_type", "cpu_arch", "instances": n, "io_ops": n, "hypervisor_version",
        "images": [ids cached]}; optional: "failed_builds": n, "servers": [ids], "host_ip", "vm_modes", "capabilities".
        Sent by compute's conductor when it changes and every minute; kept in the scheduler's own schema.
        """


def connect(conf: cfg.ConfigOpts, runtime: Any) -> "Client[Scheduler]":
    """A client for conductors; [scheduler] transport_url overrides the service's own."""
    return client(Scheduler, runtime.transport(conf, conf.scheduler.transport_url))
