"""What old tools still ask: os-hosts, the usage audit log, quotas of the network's resources, groups through compute."""

import datetime

from services.compute.domain import usage
from tests.api.compute.test_projects_and_hosts import beat


def test_hosts_are_listed_by_zone_and_a_blank_zone_is_none(cloud):
    beat(cloud)
    everything = cloud.admin.get("/v2.1/os-hosts")["hosts"]
    assert {"host_name": "node1", "service": "compute", "zone": "nova"} in everything
    assert cloud.admin.get("/v2.1/os-hosts?zone=")["hosts"] == everything
    assert [h["host_name"] for h in cloud.admin.get("/v2.1/os-hosts?zone=nova")["hosts"]] == ["node1"]
    assert cloud.admin.get("/v2.1/os-hosts?zone=elsewhere")["hosts"] == []
    cloud.member.get("/v2.1/os-hosts", status=403)


def test_a_host_is_looked_for_before_its_driver_says_what_it_can_not(cloud):
    beat(cloud)
    assert cloud.admin.put("/v2.1/os-hosts/node1", {"status": "Disable"}) == {"host": "node1", "status": "disabled"}
    cloud.admin.put("/v2.1/os-hosts/nowhere", {"status": "enable", "maintenance_mode": "enable"}, status=404)
    cloud.admin.put("/v2.1/os-hosts/node1", {"maintenance_mode": "sometimes"}, status=400)
    cloud.admin.put("/v2.1/os-hosts/node1", {"maintenance_mode": "enable"}, status=501)
    for verb in ("startup", "shutdown", "reboot"):
        cloud.admin.get(f"/v2.1/os-hosts/nowhere/{verb}", status=404)
        cloud.admin.get(f"/v2.1/os-hosts/node1/{verb}", status=501)


def test_the_audit_log_names_the_hosts_that_have_not_reported(cloud):
    beat(cloud)
    found = cloud.admin.get("/v2.1/os-instance_usage_audit_log/2026-03-05%2010:20:30")["instance_usage_audit_log"]
    assert (found["period_beginning"], found["period_ending"]) == ("2026-02-01 00:00:00", "2026-03-01 00:00:00")
    assert found["hosts_not_run"] == ["node1"] and found["overall_status"] == "0 of 1 hosts done. 0 errors."
    assert cloud.admin.get("/v2.1/os-instance_usage_audit_log")["instance_usage_audit_logs"]["num_hosts"] == 1
    cloud.admin.get("/v2.1/os-instance_usage_audit_log/yesterday", status=400)
    cloud.member.get("/v2.1/os-instance_usage_audit_log", status=403)


def test_the_month_before_january_is_december():
    begin, end = usage.month_before(datetime.datetime(2026, 1, 31, 23))
    assert (begin, end) == (datetime.datetime(2025, 12, 1), datetime.datetime(2026, 1, 1))


def test_quotas_of_the_networks_resources_are_kept_for_old_clients(cloud):
    url = "/v2.1/os-quota-class-sets/default"
    assert cloud.admin.get(url)["quota_class_set"]["fixed_ips"] == -1
    cloud.admin.put(url, {"quota_class_set": {"fixed_ips": 99, "security_groups": 7}})
    shown = cloud.admin.get(url)["quota_class_set"]
    assert (shown["fixed_ips"], shown["security_groups"], shown["floating_ips"]) == (99, 7, -1)


def test_a_private_flavor_is_nobodys_at_first(cloud):
    flavor = {"name": "own", "id": "p", "ram": 1, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": False}
    cloud.admin.post("/v2.1/flavors", {"flavor": flavor})
    assert cloud.admin.get("/v2.1/flavors/p/os-flavor-access") == {"flavor_access": []}


def test_a_groups_name_stays_as_it_is(cloud):
    made = cloud.member.post("/v2.1/os-security-groups", {"security_group": {"name": "  web ", "description": ""}})
    assert made["security_group"]["name"] == "  web "
    cloud.member.post("/v2.1/os-security-groups", {"security_group": {"name": "", "description": ""}}, status=400)


def test_network_info_is_read_again(cloud):
    server = cloud.server()["server"]["id"]
    cloud.run(server)
    cloud.admin.post(f"/v2.1/servers/{server}/action", {"injectNetworkInfo": None}, status=202)
    cloud.member.post(f"/v2.1/servers/{server}/action", {"injectNetworkInfo": None}, status=403)
