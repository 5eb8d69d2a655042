"""The state that all capabilities of the simulated driver share, and its seeded delays and failures."""

import dataclasses
import hashlib
import math
import threading

from oslo_config import cfg

from common import clock
from services.compute.drivers import base
from services.compute.objects.server import (
    PAUSED,
    RUNNING,
    STOPPED,
    NicSpec,
    ServerSpec,
)


@dataclasses.dataclass
class Guest:
    """One simulated server: its spec as last ensured, and what became of it since."""

    spec: ServerSpec
    power: str = STOPPED
    node: str = ""
    boots: int = 0
    started_s: float = 0.0
    rescued: bool = False
    frozen: bool = False
    passwords: dict[str, str] = dataclasses.field(default_factory=dict)
    console: list[str] = dataclasses.field(default_factory=list)
    devices: dict[str, str] = dataclasses.field(default_factory=dict)
    volume_sizes: dict[str, int] = dataclasses.field(default_factory=dict)
    taps: dict[str, NicSpec] = dataclasses.field(default_factory=dict)


class Nodes:
    """All the simulated nodes: the state that the capabilities share. Every method is O(1) but the listings."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self.conf = conf
        self.names = [f"{conf.node_prefix}{number:03d}" for number in range(conf.nodes)]
        self._known = set(self.names)
        self.delays_s = {key: float(value) for key, value in conf.delays_s.items()}
        self.failure_rates = {key: float(value) for key, value in conf.failure_rates.items()}
        self._failing_nodes = set(conf.failing_nodes)
        self.lock = threading.RLock()
        self.guests: dict[str, Guest] = {}
        self.aside: dict[str, Guest] = {}
        self.used: dict[str, list[int]] = {name: [0, 0, 0] for name in self.names}
        self.running = dict.fromkeys(self.names, 0)
        self.images: set[str] = set()
        self.listeners: list[base.PowerListener] = []
        self._tries: dict[tuple[str, str], int] = {}

    def chance(self, *what: object) -> float:
        """A number in [0, 1) that depends only on the seed and on `what`."""
        text = "/".join(str(part) for part in (self.conf.seed, *what))
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64

    def work(self, operation: str, uuid: str, node: str = "") -> None:
        """Take the operation's time, then fail if it is its turn to."""
        attempt, delay_s = self.begin(operation, uuid)
        if delay_s > 0:
            clock.sleep(delay_s)
        self.fail(operation, uuid, attempt, node)

    def begin(self, operation: str, uuid: str) -> tuple[int, float]:
        """(how often the operation was tried on the server, seconds it takes this time)."""
        if operation not in self.delays_s and operation not in self.failure_rates:
            return 1, 0.0
        with self.lock:
            attempt = self._tries[operation, uuid] = self._tries.get((operation, uuid), 0) + 1
        return attempt, self._delay_s(operation, uuid, attempt)

    def fail(self, operation: str, uuid: str, attempt: int, node: str = "") -> None:
        """SimulatedFailure when it is the operation's turn to fail."""
        if self.chance("fail", operation, uuid, attempt) < self.failure_rates.get(operation, 0.0):
            raise base.SimulatedFailure(
                f"Simulated failure of {operation} (attempt {attempt}) on {node or 'its node'}."
            )
        if operation == "ensure" and self.fails(node):
            raise base.SimulatedFailure(f"Simulated failure: node {node} starts no servers.")

    def fails(self, node: str) -> bool:
        """Whether a node was chosen to fail."""
        share = self.conf.failing_node_share
        return node in self._failing_nodes or (share > 0 and self.chance("node", node) < share)

    def check(self, node: str) -> str:
        """The node, the first one when none is named; ServerNotFound when it is not ours."""
        if not node:
            return self.names[0]
        if node not in self._known:
            raise base.ServerNotFound(f"{node} is not a simulated node here.")
        return node

    def get(self, uuid: str) -> Guest:
        """The guest of a server; ServerNotFound when there is none."""
        guest = self.guests.get(uuid)
        if guest is None:
            raise base.ServerNotFound(f"Server {uuid} does not exist on these nodes.")
        return guest

    def place(self, guest: Guest, sign: int) -> None:
        """Add (1) or take away (-1) a guest's size to or from what its node uses."""
        used, flavor = self.used[guest.node], guest.spec.flavor
        disk_gb = flavor.ephemeral_gb + (0 if guest.spec.boot_volume else flavor.root_gb)
        for index, amount in enumerate((flavor.vcpus, flavor.ram_mb, disk_gb)):
            used[index] += sign * amount

    def count(self, guest: Guest, power: str) -> None:
        """Set a guest's power state, keeping the number of running guests per node."""
        alive = (RUNNING, PAUSED)
        self.running[guest.node] += (power in alive) - (guest.power in alive)
        guest.power = power

    def tell(self, uuid: str, power: str) -> None:
        """Tell all listeners; outside the lock, as their thread would be."""
        for listener in self.listeners:
            listener(uuid, power)

    def forget(self, uuid: str) -> None:
        """Drop how often things were tried on a server."""
        for operation in {*self.delays_s, *self.failure_rates}:
            self._tries.pop((operation, uuid), None)

    def _delay_s(self, operation: str, uuid: str, attempt: int) -> float:
        mean_s = self.delays_s.get(operation, 0.0)
        kind = self.conf.delay_distribution
        if mean_s <= 0 or kind == "fixed":
            return mean_s
        chance = self.chance("delay", operation, uuid, attempt)
        return 2 * mean_s * chance if kind == "uniform" else -mean_s * math.log(1 - chance)
