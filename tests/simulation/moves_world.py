"""What tests of moves share: a world with a volume on its server, and what a whole server is."""

from common import clock
from services.compute.db import migrations, models, server_parts
from tests.simulation import dying

KILLS = [*range(14), 99]
SOME_KILLS = [0, 2, 3, 4, 6, 8, 11]


def boot(world, **values):
    volume = world.volume.add(size=1)
    server_id = world.server(volumes=[volume["id"]], **values)
    world.settle()
    assert world.row(server_id).vm_state == "active", world.fault(server_id) and world.fault(server_id).details
    return server_id


def killed_at(world, at):
    """As `dying.killed_at`; a move takes longer to come to its end."""
    return dying.killed_at(world, at, rounds=4)


def moves(world):
    with world.database.read() as session:
        return [(m.type, m.status, m.source_compute, m.dest_compute) for m in session.query(models.Migration).all()]


def whole(world, server_id, host, claims=1):
    """The server is on `host` in every respect."""
    row = world.row(server_id)
    assert (row.host, row.task_state) == (host, None)
    assert world.on_hosts().get(server_id) == host
    assert {p["binding:host_id"] for p in world.network.ports.values()} == {host}
    assert not any(world.network.bindings.values()), "bindings are left"
    assert [a["connection_info"]["data"]["host"] for a in world.volume.attachments.values()] == [host]
    assert [v["status"] for v in world.volume.volumes_by_id.values()] == ["in-use"]
    assert host in world.placement.claims[server_id] and len(world.placement.claims) == claims, world.placement.claims
    with world.database.read() as session:
        disk = server_parts.disks(session, [server_id])[server_id][0]
        assert disk.attachment_id in world.volume.attachments and disk.connection_info["data"]["host"] == host


def delete(world, server_id):
    world.act(server_id, "server_delete", "delete", "deleting")
    with clock.frozen(clock.time()) as now:
        for _ in range(3):
            world.settle()
            now.advance(30)
            world.beat()
    assert world.row(server_id).deleted
    world.nothing_left()
    with world.database.read() as session:
        assert all(m.status in migrations.SETTLED for m in session.query(models.Migration).all())


def breaks(world, host, part, name, error):
    """Have one method of a host's driver fail from now on."""
    def broken(*_args, **_kwargs):
        raise error

    setattr(getattr(world.agents[host].host.driver, part), name, broken)


def guest(world, host, server_id):
    return world.agents[host].host.driver.lifecycle._nodes.guests[server_id]


def migrate(world, server_id, **data):
    world.act(server_id, "server_live_migrate", "live_migrate", "migrating", **data)
