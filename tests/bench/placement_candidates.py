"""Candidates and decisions among many providers: milliseconds of CPU and queries.

    python -m tests.bench.placement_candidates [PROVIDERS] [DATABASE_URL]

The database (default: an SQLite file that is thrown away) must be empty.
"""

import sys
import tempfile
import time

from common import memory
from common.db.session import counted
from common.testing.api import ApiClient, FakeAuthenticator, Persona, make_conf, make_database
from services.scheduler.api.app import make_app
from services.scheduler.api.state import State
from services.scheduler.config import SERVICE
from services.scheduler.db import models
from services.scheduler.domain import names
from services.scheduler.domain.index import Index
from tests.unit.scheduler.support import Cloud

ROUNDS = 20


def measure(what, database, work, rounds=ROUNDS):
    """Print the mean wall and CPU time and the number of queries of `work`."""
    work()
    with counted(database) as seen:
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(rounds):
            work()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what:58} {wall / rounds * 1000:8.2f} ms  {cpu / rounds * 1000:8.2f} ms CPU  {len(seen) / rounds:5.1f} queries")


def main():
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        extra = {"database__connection": sys.argv[2]} if len(sys.argv) > 2 else {}
        conf = make_conf(SERVICE, "scheduler", folder, **extra)
        database = make_database(conf, models.Base)
        names.sync(database)
        cloud = Cloud(conf, database)
        started = time.perf_counter()
        for _ in range(0, number, 1000):
            cloud.hosts(min(1000, number))
        print(f"{number} providers made in {time.perf_counter() - started:.1f} s")
        run(conf, database, cloud)
        database.dispose()


def run(conf, database, cloud):
    auth = FakeAuthenticator()
    client = ApiClient(make_app(State(conf, database, Index()), auth), auth, Persona("admin"),
                       {"OpenStack-API-Version": "placement 1.39"})
    wanted = "/allocation_candidates?resources=VCPU:1,MEMORY_MB:512,DISK_GB:1"
    started = time.perf_counter()
    client.get(f"{wanted}&limit=1")
    print(f"index loaded in {time.perf_counter() - started:.2f} s")
    memory.settled()  # as every daemon does
    for limit in (1, 100, 1000):
        measure(f"GET /allocation_candidates, limit {limit}", database,
                lambda n=limit: client.request("GET", f"{wanted}&limit={n}"))
    unfit = "/allocation_candidates?resources=VCPU:9,MEMORY_MB:512&limit=1000"
    measure("GET /allocation_candidates, none fits", database,
            lambda: client.request("GET", unfit))
    measure("GET /allocation_candidates, no limit", database, lambda: client.request("GET", wanted), 3)
    measure("one decision with its claim", database, lambda: cloud.select(cloud.request()))
    measure("ten decisions with their claims, in one message", database,
            lambda: cloud.select(*[cloud.request() for _ in range(10)]))
    measure("a hundred decisions, in one message", database, lambda: cloud.select(*[cloud.request() for _ in range(100)]), 5)
    measure("no valid host", database, lambda: cloud.select(cloud.request(resources={"VCPU": 9})), 5)
    measure("no valid host: all removed by a filter", database,
            lambda: cloud.select(cloud.request(availability_zone="nowhere")), 5)
    measure("index refresh when nothing changed", database, lambda: refresh(cloud, database))


def refresh(cloud, database):
    with database.read() as session:
        cloud.selector.index.refresh(session)


if __name__ == "__main__":
    main()
