"""Boots of simulated servers with networking on: servers/s, CPU per server and daemon, queries and messages per server.

    python -m tests.bench.boots [--servers 1000] [--nodes 100] [--batch 100] [--one 50] [--cloud] [--detail]

By default against an embedded cloud that it starts itself; with `--cloud` against the running stack of the OS_*
environment, whose compute-agent must have the simulated driver. First `--one` servers one after the other (each
ACTIVE before the next is asked for), then the rest in requests of `--batch`; then all are deleted, and nothing may be left.
"""

import argparse
import functools
import json
import time
from typing import Any

from tests.bench.support import Embedded, Stack, World, show

SETTLE_S = 5.0
PATIENCE_S = 1800


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--one", type=int, default=50)
    parser.add_argument("--every", type=int, help="tell the cost of so many servers at a time: is it the same for the last ones?")
    parser.add_argument("--size", type=int, default=0, help="vCPUs of each simulated node (0: as many as by default)")
    parser.add_argument("--cloud", action="store_true")
    parser.add_argument("--daemons", action="store_true", help="a process per daemon, with a MariaDB and a RabbitMQ of its own")
    parser.add_argument("--detail", action="store_true")
    parser.add_argument("--profile", nargs=2, metavar=("NAME", "FILE"), help="write pstats of what --detail calls NAME…")
    parser.add_argument("--folder")
    args = parser.parse_args()
    place: Any
    if args.daemons:
        from tests.bench.daemons import Daemons

        place = Daemons(args.nodes)
    else:
        sizes = [f"simulated.{name}={args.size * factor}" for name, factor in (("vcpus", 1), ("memory_mb", 128), ("disk_gb", 2))]
        options = [f"simulated.nodes={args.nodes}", *(sizes if args.size else ())]
        place = Stack() if args.cloud else Embedded(*options, folder=args.folder)
    with place:
        client = place.client()
        wait_for_nodes(client, 1 if args.cloud else args.nodes)
        world = World(client)
        time.sleep(SETTLE_S)
        if args.profile:
            place.ask(f"profile {args.profile[0]}")
        try:
            rest = args.servers
            if args.one:
                world.client.call("compute", "POST", "/servers", world.server("bench-first"))
                wait(world, 1)
                looks: list[str] = []
                cpu_ms = measure(place, "one at a time", args.one, lambda: one_by_one(world, args.one, looks), args.detail, 25)
                without_looks(place, world, cpu_ms, looks, args.one)
                rest -= args.one + 1
            while rest > 0:
                size = min(rest, args.every or rest)
                measure(place, f"in batches of {args.batch}", size, functools.partial(in_batches, world, size, args.batch),
                        args.detail, 12)
                rest -= size
            if args.profile:
                place.ask(f"profile {args.profile[1]}")
        finally:
            states = list(world.states().values())
            found = len(states)
            print(f"--- {found} servers: {states.count('ACTIVE')} ACTIVE, {states.count('ERROR')} in ERROR")
            measure(place, "deletion", found, lambda: delete_all(world), args.detail)
            check_nothing_left(world)


def wait_for_nodes(client: Any, number: int) -> None:
    """Until the scheduler can place on `number` nodes."""
    deadline = time.monotonic() + 120
    wanted = f"/allocation_candidates?resources=VCPU:1,MEMORY_MB:64,DISK_GB:1&limit={number}"
    headers = {"OpenStack-API-Version": "placement 1.36"}
    while time.monotonic() < deadline:
        found = client.call("compute", "GET", "/os-hypervisors/detail")["hypervisors"]
        if len(found) >= number and all(h.get("state") == "up" for h in found):
            offered = client.call("placement", "GET", wanted, headers=headers)["provider_summaries"]
            if len(offered) >= number:
                return
        time.sleep(0.5)
    raise SystemExit(f"{number} simulated nodes did not come up")


def one_by_one(world: World, number: int, looks: list[str]) -> list[float]:
    """Boot servers, each after the one before is ACTIVE; seconds of each. `looks` gets the servers' ids, once for each look.

    It looks as late as is needed to look once mostly: every look costs the control plane some milliseconds of its own.
    """
    took: list[float] = []
    pause = 0.2
    for i in range(number):
        started = time.monotonic()
        made = world.client.call("compute", "POST", "/servers", world.server(f"bench-one-{i}"))["server"]["id"]
        time.sleep(pause)
        pause *= 0.98
        while look(world, made, looks) == "BUILD":
            if time.monotonic() - started > 60:
                break
            pause *= 1.1
            time.sleep(0.05)
        took.append(time.monotonic() - started)
    took.sort()
    print(f"  seconds to ACTIVE: best {took[0]:.2f}, median {took[len(took) // 2]:.2f}, worst {took[-1]:.2f}")
    return took


def look(world: World, server_id: str, looks: list[str]) -> str:
    """The status of one server."""
    looks.append(server_id)
    return str(world.client.call("compute", "GET", f"/servers/{server_id}")["server"]["status"])


def without_looks(place: Any, world: World, cpu_ms: float, looks: list[str], number: int) -> None:
    """Look again as often, with nothing else going on, and print what the boots took without it."""
    before = cpu_s(place)
    for server_id in looks:
        look(world, server_id, [])
    spent_ms = (cpu_s(place) - before) * 1000 / max(1, number)
    show("CPU per server, without the benchmark's own looks", cpu_ms - spent_ms, "ms", 25)


def cpu_s(place: Any) -> float:
    """CPU seconds of the whole control plane so far."""
    return float(sum(place.usage()["cpu"].values()))


def in_batches(world: World, number: int, batch: int) -> None:
    """Boot servers with min_count."""
    before = world.count("ACTIVE")
    for start in range(0, number, batch):
        size = min(batch, number - start)
        world.client.call("compute", "POST", "/servers", world.server(f"bench-batch-{start}", min_count=size, max_count=size))
    wait(world, before + number)


def wait(world: World, number: int) -> None:
    """Until `number` servers are ACTIVE and none is building."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if world.count("ACTIVE") >= number or not world.count("BUILD"):
            return
        time.sleep(1.0)


def delete_all(world: World) -> None:
    """Delete every server of the benchmark and wait until they are gone."""
    for server_id in world.states():
        world.client.call("compute", "DELETE", f"/servers/{server_id}")
    deadline = time.monotonic() + PATIENCE_S
    while world.count("ACTIVE") + world.count("ERROR") + world.count("BUILD") and time.monotonic() < deadline:
        time.sleep(1.0)


def measure(place: Any, what: str, number: int, work: Any, detail: bool, budget_ms: float | None = None) -> float:
    """Run `work` on `number` servers and print what it cost; the CPU per server, milliseconds."""
    print(f"--- {number} servers, {what}")
    before, started = place.usage(), time.monotonic()
    work()
    took = time.monotonic() - started
    after = place.usage()
    per = max(1, number)
    show("servers per second (wall clock, on a shared machine perhaps)", number / took, "/s")
    cpu = {name: (after["cpu"][name] - before["cpu"].get(name, 0.0)) * 1000 / per for name in after["cpu"]}
    show("CPU per server, whole control plane", sum(cpu.values()), "ms", budget_ms)
    if len(cpu) > 1:
        for name, value in sorted(cpu.items(), key=lambda item: -item[1]):
            show(f"  {name}", value, "ms")
    queries = {n: (v - before["queries"].get(n, 0)) / per for n, v in after["queries"].items()}
    for name, value in sorted(queries.items(), key=lambda item: -item[1]):
        show(f"SQL statements per server, {name}", value, "")
    if after["messages"] is not None:
        show("messages per server", (after["messages"] - (before["messages"] or 0)) / per, "")
    if detail and after["detail"]:
        print_detail(before["detail"], after["detail"], per)
    return float(sum(cpu.values()))


def print_detail(before: dict[str, Any], after: dict[str, Any], per: int) -> None:
    """Who did what how often, and CPU of it, per server."""
    rows = []
    for name, number in after["calls"].items():
        calls = (number - before["calls"].get(name, 0)) / per
        cpu = (after["cpu"].get(name, 0) - before["cpu"].get(name, 0)) * 1000 / per
        if calls >= 0.005:
            rows.append((cpu, calls, name))
    for cpu, calls, name in sorted(rows, reverse=True):
        print(f"    {name:90} {calls:8.2f} x  {cpu:8.3f} ms")
    for name, seconds in sorted(after["threads"].items(), key=lambda item: -item[1]):
        cpu = (seconds - before["threads"].get(name, 0)) * 1000 / per
        if cpu >= 0.05:
            print(f"    thread {name:83} {cpu:20.3f} ms")


def check_nothing_left(world: World) -> None:
    """No server, no port of a server, no claim."""
    client = world.client
    left: dict[str, Any] = {"servers": len(world.states())}
    ports = client.call("network", "GET", f"/v2.0/ports?network_id={world.network_id}")["ports"]
    left["ports"] = sum(p["device_owner"].startswith("compute:") for p in ports)
    claims = 0
    for provider in client.call("placement", "GET", "/resource_providers")["resource_providers"]:
        usages = client.call("placement", "GET", f"/resource_providers/{provider['uuid']}/usages")["usages"]
        claims += sum(usages.values())
    left["claimed resources"] = claims
    print(f"--- left: {json.dumps(left)}")
    if not any(left.values()):
        world.remove()


if __name__ == "__main__":
    main()
