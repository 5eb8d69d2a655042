"""Ports: creation, one by one and in bulk, and lists of 1,000: CPU of network's API.

    python -m tests.bench.ports [PORTS]
"""

import sys

from tests.bench.requests_cost import cost
from tests.bench.support import Embedded, World, show


def main() -> None:
    """Measure and print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with Embedded() as place:
        client = place.client()
        world = World(client)
        body = {"network_id": world.network_id, "device_owner": "compute:nova", "admin_state_up": True}
        ms, queries = cost(place, lambda: client.call("network", "POST", "/v2.0/ports", {"port": body}), "network", 50)
        show("POST /v2.0/ports, one port", ms, "ms CPU", 8)
        show("  SQL statements", queries, "")
        ms, queries = cost(place, lambda: client.call("network", "POST", "/v2.0/ports", {"ports": [body] * 50}), "network", 4)
        show("POST /v2.0/ports, 50 ports, each", ms / 50, "ms CPU", 8)
        show("  SQL statements, each", queries / 50, "")
        have = len(client.call("network", "GET", "/v2.0/ports?fields=id")["ports"])
        while have < number:
            size = min(100, number - have)
            client.call("network", "POST", "/v2.0/ports", {"ports": [body] * size})
            have += size
        ms, queries = cost(place, lambda: client.call("network", "GET", f"/v2.0/ports?limit={number}"), "network", 10)
        show(f"GET /v2.0/ports, {number} ports", ms, "ms CPU", 60)
        show("  SQL statements", queries, "")


if __name__ == "__main__":
    main()
