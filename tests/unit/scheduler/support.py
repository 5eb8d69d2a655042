"""Builds clouds in the scheduler's schema, quickly, and makes requests of them."""

import sqlalchemy as sa

from common import clock, ids
from services.scheduler.db import inventories, models, providers
from services.scheduler.db import names as db_names
from services.scheduler.domain.hosts import Hosts, update
from services.scheduler.domain.index import Index
from services.scheduler.domain.inventories import complete
from services.scheduler.domain.selection import Selector

SMALL = {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 1}


class Cloud:
    """A schema, its indexes and a Selector."""

    def __init__(self, conf, database):
        self.conf, self.database = conf, database
        self.selector = Selector(conf, database, Index(), Hosts())

    def hosts(self, number, vcpus=8, ram=8192, disk=100, **facts):
        """Make `number` compute hosts; their provider uuids, by host name."""
        made = {}
        with self.database.write() as session:
            classes = db_names.all_names(session, models.ResourceClass)
            start = session.scalar(sa.select(sa.func.count()).select_from(models.Provider))
            rows = []
            for i in range(number):
                uuid = ids.uuid()
                made[f"h{start + i}"] = uuid
                rows.append({"uuid": uuid, "name": f"n{start + i}", "bucket": providers.bucket_of(uuid), "generation": 0,
                             "revision": 1, "shape": 0, "created_at": clock.now()})
            session.execute(sa.insert(models.Provider.__table__), rows)
            session.execute(sa.update(models.Provider).where(models.Provider.root_id.is_(None))
                            .values(root_id=models.Provider.id))
            numbers = {u: n for u, n in session.execute(sa.select(models.Provider.uuid, models.Provider.id))}
            fields = {c: complete({"total": t}) for c, t in (("VCPU", vcpus), ("MEMORY_MB", ram), ("DISK_GB", disk))}
            session.execute(sa.insert(models.Inventory.__table__), [
                {"provider_id": numbers[u], "class_id": classes[c], "used": 0, "created_at": clock.now(),
                 "capacity": inventories.capacity(v), **v} for u in made.values() for c, v in fields.items()])
        self.tell({h: {**facts, "provider_id": u} for h, u in made.items()})
        return made

    def tell(self, told):
        """Update host facts {host: facts}."""
        update(self.database, [{"host": h, "node": h, "enabled": True, "up": True, "availability_zone": "nova",
                                "aggregates": [], "hypervisor_type": "QEMU", "cpu_arch": "x86_64", "instances": 0,
                                "io_ops": 0, "hypervisor_version": 7002000, "images": [], **f} for h, f in told.items()])

    def request(self, **fields):
        """A request for a small server."""
        return {"consumer_id": ids.uuid(), "project_id": "p", "user_id": "u", "consumer_type": "INSTANCE",
                "consumer_generation": None, "resources": dict(SMALL), "groups": {}, "required": [], "forbidden": [],
                "member_of": [], "hints": {}, "group": None, "availability_zone": None, "host": None, "node": None,
                "ignore_hosts": [], "image": {"properties": {}}, "flavor": {"extra_specs": {}}, **fields}

    def select(self, *requests):
        """Answers of the Selector."""
        return self.selector.select(list(requests))

    def used_is_right(self):
        """Whether inventories.used is what the allocations add up to."""
        inv, given = models.Inventory, models.Allocation
        with self.database.read() as session:
            sums = {(p, c): int(n) for p, c, n in session.execute(
                sa.select(given.provider_id, given.class_id, sa.func.sum(given.used))
                .group_by(given.provider_id, given.class_id))}
            rows = session.execute(sa.select(inv.provider_id, inv.class_id, inv.used)).all()
        return all(sums.get((p, c), 0) == used for p, c, used in rows) and len(sums) <= len(rows)
