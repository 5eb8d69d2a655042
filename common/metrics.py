"""Prometheus metrics of an API: how many requests, with which answers, how long they took."""

import ipaddress
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class ApiMetrics:
    """The metrics of one app, in a registry of its own, so that several apps fit in one process."""

    def __init__(self, daemon: str) -> None:
        self.registry = CollectorRegistry()
        labels = ("daemon", "route", "method")
        self.requests = Counter("altostack_requests", "Requests answered.", (*labels, "status"), registry=self.registry)
        self.seconds = Histogram("altostack_request_seconds", "Time from routing to the answer.", labels,
                                 buckets=BUCKETS_S, registry=self.registry)
        self.daemon = daemon

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request that took `seconds`."""
        self.requests.labels(self.daemon, route, method, str(status)).inc()
        self.seconds.labels(self.daemon, route, method).observe(seconds)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def may_read(self, address: str | None, networks: Sequence[str]) -> bool:
        """Whether a client at `address` lies in one of `networks` (CIDRs)."""
        try:
            client = ipaddress.ip_address(address or "")
        except ValueError:
            return False
        return any(client in ipaddress.ip_network(n) for n in networks)
