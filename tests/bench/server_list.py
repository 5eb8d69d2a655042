"""Lists of 1,000 servers with details: CPU of compute's API.

    python -m tests.bench.server_list [SERVERS]

Simulated servers in an embedded cloud, asked for over HTTP as a client does.
"""

import sys

from tests.bench.boots import in_batches, wait_for_nodes
from tests.bench.requests_cost import cost
from tests.bench.support import Embedded, World, show


def main() -> None:
    """Measure and print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with Embedded("simulated.nodes=100", "api.max_limit=2000") as place:
        client = place.client()
        wait_for_nodes(client, 100)
        world = World(client)
        in_batches(world, number, 100)
        for path, budget in (("/servers/detail?limit=1000", 60), ("/servers?limit=1000", None),
                             ("/servers/detail?limit=100", None)):
            ms, queries = cost(place, lambda p=path: client.call("compute", "GET", p), "compute", 10)
            show(f"GET {path}, {number} servers there", ms, "ms CPU", budget)
            show("  SQL statements", queries, "")


if __name__ == "__main__":
    main()
