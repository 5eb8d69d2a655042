"""Moves of servers through the API: who may, where to, what is refused, how a migration is shown, stopped and hurried."""

import pytest

from common import clock
from common.db import services as service_rows
from common.testing.api import Persona
from services.compute.db import migrations, models
from tests.api.compute.test_actions import act, check
from tests.api.compute.test_servers import at


@pytest.fixture
def server(cloud):
    """A running server on host `one`; hosts `one` and `two` are up."""
    beat(cloud)
    made = cloud.server()["server"]["id"]
    cloud.run(made, host="one")
    return made


def beat(cloud, *names):
    for name in names or ("one", "two"):
        cloud.db.transaction(service_rows.beat, models.Service, daemon="compute-agent", binary="nova-compute", host=name,
                             version="1")


def moved(cloud, server_id):
    """The newest migration as operators see it."""
    found = cloud.admin.request("GET", f"/v2.1/os-migrations?instance_uuid={server_id}", headers=at(80)).get_json()
    return found["migrations"][0]


def change(cloud, number, **values):
    cloud.db.transaction(migrations.change, number, **values)


LIVE = {"host": None, "block_migration": "auto"}


def test_live_migration_begins_queued(cloud, server):
    check(act(cloud.stranger, server, "os-migrateLive", LIVE, 404, minor=25))
    check(act(cloud.member, server, "os-migrateLive", LIVE, 403, minor=25))
    check(act(cloud.admin, server, "os-migrateLive", LIVE, minor=25))
    kind, _, _, data = cloud.sagas(server)[-1]
    assert kind == "server_live_migrate" and data["block_migration"] == "auto" and data["vm_state"] == "active"
    shown = cloud.member.get(f"/v2.1/servers/{server}")["server"]
    assert (shown["status"], shown["OS-EXT-STS:task_state"]) == ("MIGRATING", "migrating")
    found = moved(cloud, server)
    assert (found["migration_type"], found["status"], found["source_compute"]) == ("live-migration", "queued", "one")
    assert found["links"][0]["href"].endswith(f"/servers/{server}/migrations/{found['id']}")
    actions = cloud.member.get(f"/v2.1/servers/{server}/os-instance-actions")["instanceActions"]
    assert actions[0]["action"] == "live-migration"


@pytest.mark.parametrize("value,minor", [
    ({"host": "nowhere", "block_migration": "auto"}, 25),
    ({"host": "one", "block_migration": "auto"}, 25),
    ({"host": None, "block_migration": "auto", "force": True}, 30),
    ({"host": "two", "block_migration": "auto", "force": True}, 68),
    ({"host": "two", "block_migration": "auto"}, 24),
    ({"host": "two", "block_migration": "maybe"}, 25),
    ({"host": "two", "block_migration": True, "disk_over_commit": False}, 25)])
def test_live_migration_refuses(cloud, server, value, minor):
    check(act(cloud.admin, server, "os-migrateLive", value, 400, minor=minor))


def test_live_migration_before_2_25_says_how_disks_are_counted(cloud, server):
    value = {"host": "two", "block_migration": True, "disk_over_commit": False}
    check(act(cloud.admin, server, "os-migrateLive", value, minor=24))
    data = cloud.sagas(server)[-1][3]
    assert (data["host"], data["block_migration"], data["disk_over_commit"]) == ("two", True, False)


def test_live_migration_needs_a_running_server(cloud, server):
    cloud.run(server, vm_state="stopped", host="one")
    check(act(cloud.admin, server, "os-migrateLive", LIVE, 409, minor=25))


def test_a_live_migration_is_watched_hurried_and_stopped(cloud, server):
    check(act(cloud.admin, server, "os-migrateLive", LIVE, minor=25))
    number = moved(cloud, server)["id"]
    url = f"/v2.1/servers/{server}/migrations"
    assert cloud.admin.request("GET", url, headers=at(22)).status_code == 404
    change(cloud, number, status="running", memory_total=100, memory_remaining=40, dest_compute="two")
    listed = cloud.admin.request("GET", url, headers=at(23)).get_json()["migrations"]
    assert [m["memory_remaining_bytes"] for m in listed] == [40]
    shown = cloud.admin.request("GET", f"{url}/{number}", headers=at(80)).get_json()["migration"]
    assert (shown["status"], shown["memory_total_bytes"], shown["dest_compute"]) == ("running", 100, "two") and shown["uuid"]
    path = f"{url}/{number}/action"
    assert cloud.admin.request("POST", path, {"force_complete": None}, at(21)).status_code == 404
    assert cloud.member.request("POST", path, {"force_complete": None}, at(22)).status_code == 403
    manager = cloud.member.as_(Persona("manager", project_id=cloud.project))
    assert cloud.member.as_(Persona("manager")).request("POST", path, {"force_complete": None}, at(22)).status_code == 404
    assert manager.request("POST", path, {"force_complete": None}, at(22)).status_code == 202
    assert command(cloud, number) == "force_complete"
    assert cloud.member.request("DELETE", f"{url}/{number}", headers=at(24)).status_code == 403
    assert manager.request("DELETE", f"{url}/{number}", headers=at(24)).status_code == 202
    assert command(cloud, number) == "abort" and cloud.conductor.woken[-1] == [server]
    recorded = cloud.member.get(f"/v2.1/servers/{server}/os-instance-actions")["instanceActions"]
    assert [a["action"] for a in recorded][:2] == ["live_migration_cancel", "live_migration_force_complete"]
    change(cloud, number, status="completed")
    assert cloud.admin.request("GET", f"{url}/{number}", headers=at(23)).status_code == 404
    assert cloud.admin.request("GET", url, headers=at(23)).get_json() == {"migrations": []}


def command(cloud, number):
    with cloud.db.read() as session:
        return migrations.one(session, number).command


def test_what_waits_can_be_stopped_since_2_65(cloud, server):
    check(act(cloud.admin, server, "os-migrateLive", LIVE, minor=25))
    number = moved(cloud, server)["id"]
    url = f"/v2.1/servers/{server}/migrations/{number}"
    assert cloud.admin.request("POST", url + "/action", {"force_complete": None}, at(22)).status_code == 400
    assert cloud.admin.request("DELETE", url, headers=at(64)).status_code == 400
    assert cloud.admin.request("DELETE", url, headers=at(65)).status_code == 202
    cloud.run(server, host="one")
    assert cloud.admin.request("DELETE", url, headers=at(65)).status_code == 409
    assert cloud.admin.request("DELETE", url + "9", headers=at(65)).status_code == 404


def test_evacuation_is_for_lost_hosts(cloud, server):
    check(act(cloud.member, server, "evacuate", {}, 403, minor=29))
    text = check(act(cloud.admin, server, "evacuate", {}, 400, minor=29))["badRequest"]["message"]
    assert text == "Compute service of one is still in use."
    lose(cloud)
    check(act(cloud.admin, server, "evacuate", {"host": "one"}, 400, minor=29))
    check(act(cloud.admin, server, "evacuate", {"host": "nowhere"}, 400, minor=29))
    check(act(cloud.admin, server, "evacuate", {"force": True}, 400, minor=29))
    check(act(cloud.admin, server, "evacuate", {"host": "two", "force": True}, 400, minor=68))
    check(act(cloud.admin, server, "evacuate", {"onSharedStorage": True}, 400, minor=14))
    check(act(cloud.admin, server, "evacuate", {"onSharedStorage": True, "adminPass": "x"}, 400))
    check(act(cloud.admin, server, "evacuate", {"host": "two", "force": True}, 200, minor=29))
    kind, _, _, data = cloud.sagas(server)[-1]
    assert kind == "server_evacuate" and (data["host"], data["force"], data["stay_stopped"]) == ("two", True, False)
    assert data["on_shared_storage"] is None
    assert cloud.member.get(f"/v2.1/servers/{server}")["server"]["status"] == "REBUILD"
    assert (moved(cloud, server)["migration_type"], moved(cloud, server)["status"]) == ("evacuation", "accepted")


def lose(cloud):
    with cloud.db.write() as session:
        row = session.query(models.Service).filter_by(host="one").one()
        row.last_seen_at = clock.after(-3600)


@pytest.mark.parametrize("shared,answer", [(False, {"adminPass": "secret"}), (True, {})])
def test_evacuation_before_2_14_says_what_is_shared(cloud, server, shared, answer):
    lose(cloud)
    body = {"onSharedStorage": shared} if shared else {"onSharedStorage": shared, "adminPass": "secret"}
    assert check(act(cloud.admin, server, "evacuate", body, 200)) == answer
    assert cloud.sagas(server)[-1][3]["on_shared_storage"] is shared


def test_evacuated_servers_stay_off_since_2_95(cloud, server):
    lose(cloud)
    check(act(cloud.admin, server, "evacuate", {}, 200, minor=95))
    assert cloud.sagas(server)[-1][3]["stay_stopped"] is True


def test_a_host_forced_down_counts_as_lost(cloud, server):
    service = next(s for s in cloud.admin.request("GET", "/v2.1/os-services", headers=at(53)).get_json()["services"]
                   if s["host"] == "one")
    cloud.admin.request("PUT", f"/v2.1/os-services/{service['id']}", {"forced_down": True}, at(53))
    check(act(cloud.admin, server, "evacuate", {}, 200, minor=68))


def test_cold_migration_to_a_named_host(cloud, server):
    check(act(cloud.admin, server, "migrate", {"host": "one"}, 400, minor=56))
    check(act(cloud.admin, server, "migrate", {"host": "two"}, minor=56))
    assert cloud.sagas(server)[-1][3]["host"] == "two"
    assert (moved(cloud, server)["migration_type"], moved(cloud, server)["dest_compute"]) == ("migration", "two")


def test_a_crash_dump_changes_no_state(cloud, server):
    check(act(cloud.stranger, server, "trigger_crash_dump", None, 404, minor=17))
    check(act(cloud.reader, server, "trigger_crash_dump", None, 403, minor=17))
    check(act(cloud.member, server, "trigger_crash_dump", None, minor=17))
    assert cloud.sagas(server)[-1][0] == "server_crash_dump"
    assert cloud.member.get(f"/v2.1/servers/{server}")["server"]["OS-EXT-STS:task_state"] is None
    cloud.run(server, vm_state="stopped", host="one")
    check(act(cloud.member, server, "trigger_crash_dump", None, 409, minor=17))
