"""One authenticated GET of one resource, for each API: CPU in the service.

    python -m tests.bench.one_get [ROUNDS]
"""

import sys

from tests.bench.boots import wait_for_nodes
from tests.bench.requests_cost import cost
from tests.bench.support import Embedded, World, show


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with Embedded() as place:
        client = place.client()
        wait_for_nodes(client, 1)
        world = World(client)
        provider = client.call("placement", "GET", "/resource_providers")["resource_providers"][0]["uuid"]
        kind = next((k for k in ("volumev3", "block-storage", "volume") if k in client.urls), None)
        wanted = [("identity", "identity", f"/projects/{client.project_id}", "identity-api"),
                  ("image", "image", f"/v2/images/{world.image_id}", "image-api"),
                  ("compute", "compute", f"/flavors/{world.flavor_id}", "compute-api"),
                  ("network", "network", f"/v2.0/networks/{world.network_id}", "network-api"),
                  ("scheduler", "placement", f"/resource_providers/{provider}", "placement-api")]
        if kind:
            volume = client.call(kind, "POST", "/volumes", {"volume": {"size": 1}})["volume"]["id"]
            wanted.append(("volume", kind, f"/volumes/{volume}", "volume-api"))
        for service, catalog, path, daemon in wanted:
            ms, queries = cost(place, lambda c=catalog, p=path: client.call(c, "GET", p), service, rounds, daemon)
            show(f"{daemon} GET {path[:36]}", ms, "ms CPU", 2)
            show("  SQL statements", queries, "")


if __name__ == "__main__":
    main()
